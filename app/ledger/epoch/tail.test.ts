import { describe, expect, it } from 'vitest';
import { encodeRecord, RecordStatus } from '../../journal/codec.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import { EpochView, Tail } from './epoch-view.ts';

const nothing = {
  detail: 0,
  balance: 0,
  version: 0,
  otherBalance: 0,
  otherVersion: 0,
  settingsVersion: 0,
  otherSettingsVersion: 0,
};
/** An entry with these seqs. */
const entry = (...seqs: number[]): JournalEntry => ({
  kind: 'transfers',
  firstSeq: seqs[0] ?? 0,
  payload: 'x'.repeat(10),
  records: Buffer.concat(seqs.map((seq) => encodeRecord({ ...nothing, status: RecordStatus.POSTED, seq }))),
  acceptedAt: 1,
});
const firsts = (tail: Tail): number[] => tail.snapshot().map(({ firstSeq }) => firstSeq);

describe('the tail', () => {
  it('keeps an entry until its last seq is in MySQL', () => {
    const tail = new Tail();
    tail.keep(entry(1, 2), 10);
    tail.keep(entry(3), 20);
    tail.advance(1);
    expect([firsts(tail), tail.oldestKeptAtMs]).toEqual([[1, 3], 10]);
    tail.advance(2);
    expect([firsts(tail), tail.oldestKeptAtMs]).toEqual([[3], 20]);
    tail.advance(3);
    expect([tail.size, tail.bytes, tail.oldestKeptAtMs]).toEqual([0, 0, null]);
  });

  it('keeps only one copy of an entry, however many answers contain it', () => {
    const tail = new Tail();
    for (let n = 0; n < 100; n++) tail.keep(entry(1, 2), 10);
    tail.keep(entry(3), 20);
    expect(firsts(tail)).toEqual([1, 3]);
    tail.advance(2);
    expect(firsts(tail)).toEqual([3]);
    tail.advance(3);
    expect([tail.size, tail.bytes]).toEqual([0, 0]);
  });

  it('does not keep entries that are in MySQL already', () => {
    const tail = new Tail();
    tail.advance(5);
    tail.keep(entry(4, 5), 1);
    expect(tail.size).toBe(0);
    tail.keep(entry(5, 6), 1);
    expect(firsts(tail)).toEqual([5]);
  });

  it('ignores a cursor that is older than the last one', () => {
    const tail = new Tail();
    tail.advance(5);
    tail.advance(2);
    tail.keep(entry(3), 1);
    expect(tail.size).toBe(0);
  });

  it('keeps a late replay even though a later entry precedes it', () => {
    const tail = new Tail();
    tail.keep(entry(9), 1);
    tail.keep(entry(2), 2);
    tail.advance(2);
    expect(firsts(tail)).toContain(9);
    tail.advance(9);
    expect(tail.size).toBe(0);
  });

  it('counts the bytes that it holds, and frees memory in large steps', () => {
    const tail = new Tail();
    for (let seq = 1; seq <= 5_000; seq++) tail.keep(entry(seq), seq);
    const bytesOfOne = tail.bytes / 5_000;
    expect(bytesOfOne).toBeGreaterThanOrEqual(60);
    tail.advance(4_000);
    expect([tail.size, tail.bytes]).toEqual([1_000, 1_000 * bytesOfOne]);
    expect(firsts(tail).slice(0, 2)).toEqual([4_001, 4_002]);
    tail.keep(entry(5_001), 5_001);
    tail.advance(4_500);
    expect([tail.size, tail.oldestKeptAtMs]).toEqual([501, 4_501]);
  });
});

describe('what a pod knows about an epoch', () => {
  const view = () => new EpochView({ epoch: 1, format: 1, replid: 'r', podId: 'p' });
  const head = (seq: number, cursor: number, lookupHorizon = 0, evictedUpTo = 0) => ({
    seq,
    cursor,
    lookupHorizon,
    evictedUpTo,
    time: 0,
  });

  it('is the highest value of each counter, because replies arrive in any order', () => {
    const one = view();
    one.observe(head(9, 4, 100, 3));
    one.observe(head(7, 2, 90, 1));
    expect([one.observed, one.cursor, one.lookupHorizon, one.evictedUpTo, one.backlog]).toEqual([9, 4, 100, 3, 5]);
    one.observe(head(7, 6, 90, 1));
    expect([one.observed, one.cursor, one.backlog]).toEqual([9, 6, 3]);
  });

  it('includes a tail that shrinks when the cursor moves', () => {
    const one = view();
    one.keep([entry(1), entry(2)], 1);
    one.observe(head(2, 0));
    expect(one.tail.size).toBe(2);
    one.observe(head(2, 1));
    expect(one.tail.size).toBe(1);
  });

  it('is not handed over once MySQL has everything that the pod has received, including through reads', () => {
    const one = view();
    expect(one.hasNothingToHandOver(one.observed)).toBe(true);
    one.observe(head(2, 1));
    expect(one.hasNothingToHandOver(one.observed)).toBe(false);
    one.observe(head(2, 2));
    expect(one.hasNothingToHandOver(one.observed)).toBe(true);
    one.keep([entry(3)], 1);
    expect(one.hasNothingToHandOver(one.observed)).toBe(false);
    one.observe(head(3, 3));
    expect(one.hasNothingToHandOver(one.observed)).toBe(true);
  });

  it('is handed over while an attempt is in progress or in doubt', () => {
    const one = view();
    const attempts = [{ inDoubtAttempts: () => [{ kind: 'transfers' as const, id: 't', accounts: ['a', 'b'] }] }];
    one.inDoubt.begin(attempts);
    expect(one.hasNothingToHandOver(one.observed)).toBe(false);
    one.inDoubt.leave(attempts, 'p', 0);
    expect(one.hasNothingToHandOver(one.observed)).toBe(false);
    one.inDoubt.resolved('transfers', 't');
    expect(one.hasNothingToHandOver(one.observed)).toBe(true);
  });

  it('is kept under a new pod id of the same process', () => {
    const one = view();
    one.keep([entry(1), entry(2)], 1);
    one.observe(head(2, 0, 100, 1));
    const two = one.renewed('q');
    expect(two.caller).toEqual({ epoch: 1, format: 1, replid: 'r', podId: 'q' });
    expect([two.observed, two.lookupHorizon, two.evictedUpTo, two.tail.size]).toEqual([2, 100, 1, 2]);
    // The old view and the new one share their knowledge, so the old one also has what the new one observes.
    two.observe(head(3, 2));
    expect([one.observed, one.cursor, one.tail.size]).toEqual([3, 2, 0]);
  });
});
