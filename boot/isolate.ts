/*
 * Cross-origin isolation on hosts that don't send the headers for it: a service
 * worker (sw.ts) adds them, and the page is loaded once more through it.
 */

/** Set while the one reload is under way, so that it stays one. */
const RELOADED = 'tabos.reloaded-for-isolation';

/** True when the page is being loaded again and should do nothing more. */
export async function isolate(): Promise<boolean> {
  try {
    if (globalThis.crossOriginIsolated) {
      sessionStorage.removeItem(RELOADED);
      return false;
    }
    if (!('serviceWorker' in navigator)) return false; // not a secure address, or switched off
    if (sessionStorage.getItem(RELOADED)) {
      // It did not help. The next visit may try again.
      sessionStorage.removeItem(RELOADED);
      return false;
    }
    const registration = await navigator.serviceWorker.register(new URL('sw.js', import.meta.url));
    await activated(registration);
    sessionStorage.setItem(RELOADED, '1');
    location.reload();
    return true;
  } catch (e) {
    console.warn('isolation: no service worker:', e); // requirements.ts says the rest on the page
    return false;
  }
}

/** Resolves when the registered worker handles loads; rejects when it never will. */
function activated(registration: ServiceWorkerRegistration): Promise<void> {
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker?.state === 'activated') resolve();
      else if (!worker || worker.state === 'redundant') reject(new Error('sw.js could not be installed'));
    };
    worker?.addEventListener('statechange', look);
    look();
  });
}
