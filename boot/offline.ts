/*
 * Without the network: has the service worker (sw.ts) keep the site, when the
 * page is up and nobody waits for anything.
 */

type Answer = { readonly version: string } | { readonly problem: string };

/** The version of the site that is kept now, or null where that can't be. */
export async function keepOffline(): Promise<string | null> {
  try {
    if (!('serviceWorker' in navigator)) return null; // not a secure address, or switched off
    await navigator.serviceWorker.register(new URL('sw.js', import.meta.url));
    const { active } = await navigator.serviceWorker.ready;
    const answer = await new Promise<Answer>((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
      active?.postMessage('keep', [port2]);
    });
    if ('version' in answer) return answer.version;
    console.info('offline: not kept:', answer.problem);
  } catch (error) {
    console.info('offline: no service worker:', error);
  }
  return null;
}
