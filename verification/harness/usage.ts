/** The kernel's figures about a process. */
import { readFileSync } from 'node:fs';
import { now } from './time.ts';

/** Linux counts the time of a process in hundredths of a second. */
const MS_PER_TICK = 10;
const KIB = 1024;

/**
 * CPU time of a process so far, all threads, user and system, ms.
 * @param times 2: its own; 4: including its children that have ended
 */
export function cpuMs(pid: number, times: 2 | 4 = 2): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The fields after the name, which may contain spaces: utime, stime, cutime and cstime are fields 14 to 17 of the
  // whole line.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 11 + times).reduce((sum, ticks) => sum + Number(ticks), 0) * MS_PER_TICK;
}

/** Memory of a process now, or at its peak, bytes; 0 if there is no such process. */
export function memoryBytes(pid: number, which: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(new RegExp(`^${which}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * KIB;
  } catch {
    return 0;
  }
}

/** The share of the time since this object was created during which some task of the machine waited for a CPU. */
export class CpuPressure {
  readonly #since = now();
  readonly #waitedMs = waitedMs();

  /** @returns 0 to 1; 0 if the kernel does not measure it (pressure stall information, `some`) */
  share(): number {
    return (waitedMs() - this.#waitedMs) / Math.max(1, now() - this.#since);
  }
}

function waitedMs(): number {
  try {
    const [, total = 0] = /^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/cpu', 'latin1')) ?? [];
    return Number(total) / 1000;
  } catch {
    return 0;
  }
}
