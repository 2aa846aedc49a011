import { describe, expect, it } from 'vitest';
import { uuidV7Time } from '../../../app/domain/ids.ts';
import { Ids, newUuidV7 } from './ids.ts';
import { VirtualClock } from './testing/virtual-clock.ts';

describe('newUuidV7', () => {
  it('makes ids that the service accepts as new, with the given time', () => {
    for (const ms of [0, 1, 1_769_860_800_000, 2 ** 48 - 1]) expect(uuidV7Time(newUuidV7(ms))).toBe(ms);
    expect(uuidV7Time(newUuidV7(1000.7))).toBe(1000);
  });
  it('makes no id twice', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => newUuidV7(5))).size).toBe(10_000);
  });
});

describe('Ids', () => {
  const clock = new VirtualClock();
  const aheadMs = (ids: Ids) => (uuidV7Time(ids.next()) ?? 0) - clock.now();
  it.each([
    ['follows a service that is an hour ahead', 3_600_000, 3_600_000],
    ['follows one that is an hour behind', -3_600_000, -3_600_000],
    ['ignores a difference that whole seconds and a slow answer can explain', -3_000, 0],
  ])('%s', (_, differenceMs, expected) => {
    const ids = new Ids(clock);
    ids.learn(new Date(clock.now() + differenceMs).toUTCString());
    expect(aheadMs(ids)).toBe(expected);
  });
  it('uses the local clock if there is no usable header', () => {
    const ids = new Ids(clock);
    ids.learn(null);
    ids.learn('yesterday');
    expect(aheadMs(ids)).toBe(0);
  });
});
