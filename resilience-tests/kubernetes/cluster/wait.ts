import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

/** The time of day, ms, so that it can be compared with the times in pods. */
export const now = (): number => performance.timeOrigin + performance.now();

/** Waits for a condition. @returns how long it took, ms. @throws Error with `what` if it is not met in time */
export async function untilTrue(
  what: string,
  msMax: number,
  holds: () => boolean | Promise<boolean>,
  everyMs = 100,
): Promise<number> {
  const since = now();
  while (!(await holds())) {
    if (now() - since > msMax) throw new Error(`${what}: not within ${msMax / 1000} s`);
    await sleep(everyMs);
  }
  return now() - since;
}
