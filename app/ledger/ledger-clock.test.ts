import { beforeEach, describe, expect, it } from 'vitest';
import { TestClock } from '../kernel/testing/test-clock.ts';
import { LedgerClock } from './ledger-clock.ts';

describe("The ledger's time in a process", () => {
  let clock: TestClock;
  let ledger: LedgerClock;
  let said: (number | null)[];
  beforeEach(() => {
    clock = new TestClock();
    said = [];
    ledger = new LedgerClock({ clock, onOff: (offMs) => said.push(offMs) });
  });
  /** Redis answers every 500 ms for `forMs`, with a clock that is ahead of the process's clock by `aheadMs`. */
  function listen(forMs: number, aheadMs: number): void {
    for (let ms = 0; ms < forMs; ms += 500) {
      clock.advance(500);
      ledger.heardCache(clock.wallMs + aheadMs);
    }
  }

  it('is that of the process until a store has answered', () => {
    expect(ledger.now()).toBe(clock.wallMs);
    ledger.heardDatabase(clock.wallMs - 3_600_000, 'CACHE');
    expect(ledger.now()).toBe(clock.wallMs - 3_600_000);
  });

  it("continues with the monotonic clock, whatever happens to the process's wall clock", () => {
    ledger.heardCache(clock.wallMs);
    const before = ledger.now();
    clock.wallMs += 3_600_000;
    clock.monotonicMs += 250;
    expect(ledger.now()).toBe(before + 250);
    expect(ledger.offMs).toBe(3_600_000 - 250);
  });

  it('is that of Redis while Redis decides, and that of MySQL while MySQL decides', () => {
    ledger.heardDatabase(clock.wallMs + 1_000, 'CACHE');
    ledger.heardCache(clock.wallMs + 5_000);
    expect(ledger.offMs).toBe(-5_000);
    ledger.heardDatabase(clock.wallMs + 1_000, 'CLOSING');
    expect(ledger.offMs).toBe(-5_000);
    ledger.heardDatabase(clock.wallMs + 1_000, 'DIRECT');
    expect(ledger.offMs).toBe(-1_000);
  });

  it('is taken from the fastest reply, and follows a clock that is set back', () => {
    ledger.heardCache(clock.wallMs);
    ledger.heardCache(clock.wallMs - 1_500);
    expect(ledger.offMs).toBe(0);
    listen(30_000, -60_000);
    expect(ledger.offMs).toBe(60_000);
    listen(500, 0);
    expect(ledger.offMs).toBe(0);
  });

  it('reports a deviation once, and its end once, but nothing because of a single slow reply', () => {
    ledger.heardCache(clock.wallMs - 4_000);
    listen(500, 0);
    expect(said).toEqual([]);
    listen(60_000, -3_000);
    expect(said).toEqual([3_000]);
    listen(60_000, -1_000);
    expect(said).toEqual([3_000, null]);
  });
});
