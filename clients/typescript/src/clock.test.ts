import { expect, it } from 'vitest';
import { systemClock } from './clock.ts';

it('a sleep longer than timers support does not end at once', async () => {
  const controller = new AbortController();
  let isOver = false;
  const sleeping = systemClock.sleep(2 ** 31, controller.signal).then(() => {
    isOver = true;
  });
  await systemClock.sleep(50);
  expect(isOver).toBe(false);
  controller.abort();
  await sleeping;
});
