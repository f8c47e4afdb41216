/*
 * The binary interface between programs and the kernel: numbers and layouts, by area
 * in abi/.
 *
 * Values are those of Linux's generic architecture, 32-bit with 64-bit times
 * and offsets. libc's overlay (userland/libc/arch/wasm32) has the same values
 * under the names C programs use; tests-c/posix/abi checks that both agree.
 * All structures are packed by natural alignment, as clang lays them out for
 * wasm32; every one has the same layout on a 64-bit host, so the kernel's
 * native unit tests use them too.
 */
#ifndef ABI_H
#define ABI_H

#include <stdint.h>

#define ABI_VERSION 1 /* custom section "tabos.abi", one little-endian u32 */

#include "abi/errno.h"
#include "abi/event.h"
#include "abi/file.h"
#include "abi/ipc.h"
#include "abi/memory.h"
#include "abi/process.h"
#include "abi/signal.h"
#include "abi/terminal.h"
#include "abi/thread.h"
#include "abi/time.h"

#endif
