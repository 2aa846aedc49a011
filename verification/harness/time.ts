import { setTimeout as sleep } from 'node:timers/promises';

export const now = (): number => performance.now();

export { sleep };

/** Waits for a condition. @throws Error with `what` if it is not met in time */
export async function until(what: string, msMax: number, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = now() + msMax;
  for (;;) {
    if (await holds()) return;
    if (now() > deadline) throw new Error(`${what}: not within ${msMax / 1000} s`);
    await sleep(100);
  }
}
