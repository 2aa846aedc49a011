import { afterEach, describe, expect, it, vi } from 'vitest';
import { modelEpoch, order } from '../journal/testing/epoch-under-test.ts';
import { until } from '../kernel/testing/until.ts';
import { ACCOUNTS, Bench } from './testing/flusher-bench.ts';

const KEEP_FLUSHED_MS = 10_000;

let running: Bench | null = null;
async function bench(batchMax = 100): Promise<Bench> {
  running = new Bench(await modelEpoch(ACCOUNTS), { batchMax });
  return running;
}
afterEach(() => running?.stop());

/** Blocks a commit: `reached` resolves when the commit begins, and `open` lets it continue. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let arrive = () => {};
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  return {
    reached,
    open,
    pass: async () => {
      arrive();
      await opened;
    },
  };
}

describe('The published cursor', () => {
  it('advances only after the commit', async () => {
    const b = await bench();
    await b.post(2);
    const { reached, open, pass } = gate();
    b.store.before = pass;
    const round = b.flusher.round(b.epoch.keeper, 1);
    await reached;
    expect((await b.epoch.cache.read(b.epoch.pod, [])).head.cursor).toBe(0);
    open();
    await round;
    expect((await b.epoch.cache.read(b.epoch.pod, [])).head.cursor).toBe(2);
  });

  it('does not advance if the commit failed, and nothing is trimmed', async () => {
    const b = await bench();
    const publish = vi.spyOn(b.epoch.cache, 'publish');
    await b.post(2);
    b.store.before = async () => {
      throw new Error('MySQL is unavailable');
    };
    await expect(b.flusher.round(b.epoch.keeper, 1)).rejects.toThrow('unavailable');
    expect(publish).not.toHaveBeenCalled();
  });

  it('is published with a later batch if publishing failed, and nothing is committed twice', async () => {
    const b = await bench();
    await b.post(2);
    vi.spyOn(b.epoch.cache, 'publish').mockRejectedValueOnce(new Error('Redis is unavailable'));
    b.run();
    await until('it has failed', () => b.failures.length === 1);
    await b.post(1);
    await until('all is flushed', () => b.store.at.seq === 3);
    expect(b.store.batches.map(({ afterSeq }) => afterSeq)).toEqual([0, 2]);
    await until('the cursor is published', async () => (await b.epoch.cache.read(b.epoch.pod, [])).head.cursor === 3);
  });
});

describe('A cursor that was committed but not published', () => {
  it('is published by the next round, even if nothing more is written', async () => {
    const b = await bench();
    await b.post(2);
    vi.spyOn(b.epoch.cache, 'publish').mockRejectedValueOnce(new Error('Redis is unavailable'));
    b.run();
    await until('the cursor is published', async () => (await b.epoch.cache.read(b.epoch.pod, [])).head.cursor === 2);
    expect(b.store.attempts).toBe(1);
  });
});

describe('A batch that is too large', () => {
  it('is retried with ever smaller sizes, and with the full size after a success', async () => {
    const b = await bench(100);
    for (let n = 0; n < 20; n++) await b.post(10);
    const sizes: number[] = [];
    const commit = b.store.commit.bind(b.store);
    vi.spyOn(b.store, 'commit').mockImplementation(async (batch) => {
      sizes.push(batch.lastSeq - batch.afterSeq);
      if (sizes.length < 4) throw new Error('packet too large');
      return commit(batch);
    });
    b.run();
    await until('all is flushed', () => b.store.at.seq === 200);
    expect(sizes.slice(0, 4)).toEqual([100, 50, 20, 10]);
    expect(sizes.slice(4)).toContain(100);
  });
});

describe('The journal', () => {
  it('keeps flushed entries for a while, for retries, and is then trimmed', async () => {
    const b = await bench();
    for (let n = 0; n < 3; n++) {
      await b.post(1);
      await b.flusher.round(b.epoch.keeper, 1);
      b.clock.advance(KEEP_FLUSHED_MS / 2);
    }
    expect((await b.epoch.entries()).map(({ firstSeq }) => firstSeq)).toEqual([1, 2, 3]);
    await b.post(1);
    await b.flusher.round(b.epoch.keeper, 1);
    expect((await b.epoch.entries()).map(({ firstSeq }) => firstSeq)).toEqual([2, 3, 4]);
  });

  it('is also trimmed of entries that were flushed before a failure, because committed entries remain committed', async () => {
    const b = await bench();
    await b.post(1);
    await b.flusher.round(b.epoch.keeper, 1);
    b.flusher.forget();
    b.clock.advance(2 * KEEP_FLUSHED_MS);
    await b.post(1);
    await b.flusher.round(b.epoch.keeper, 1);
    expect((await b.epoch.entries()).map(({ firstSeq }) => firstSeq)).toEqual([2]);
  });

  it('is read ahead while a batch commits, if more than one batch is waiting', async () => {
    const b = await bench(50);
    for (let n = 0; n < 2; n++) await b.post(50);
    const journal = vi.spyOn(b.epoch.cache, 'journal');
    const { reached, open, pass } = gate();
    let readBefore = 0;
    b.store.before = () => {
      readBefore = journal.mock.calls.length;
      return pass();
    };
    const round = b.flusher.round(b.epoch.keeper, 1);
    await reached;
    await until('it reads ahead', () => journal.mock.calls.length > readBefore);
    expect(b.store.at.seq).toBe(0);
    open();
    expect(await round).toBe(50);
    b.store.before = async () => {};
    expect(await b.flusher.round(b.epoch.keeper, 1)).toBe(50);
    expect(await b.flusher.round(b.epoch.keeper, 1)).toBe(0);
  });

  it('is read again from the cursor if the commit failed after reading ahead', async () => {
    const b = await bench(50);
    for (let n = 0; n < 4; n++) await b.post(50);
    b.store.before = async () => {
      if (b.store.attempts === 2) throw new Error('once');
    };
    b.run();
    await until('all is flushed', () => b.store.at.seq === 200);
    expect(b.failures).toEqual([['once', 1]]);
    expect(b.store.batches.map(({ lastSeq }) => lastSeq)).toEqual([50, 100, 150, 200]);
  });

  it('is flushed without repeating a commit in progress if reading ahead fails', async () => {
    const b = await bench(50);
    for (let n = 0; n < 3; n++) await b.post(50);
    const { reached, open, pass } = gate();
    b.store.before = pass;
    const read = b.epoch.cache.journal.bind(b.epoch.cache);
    const journal = vi.spyOn(b.epoch.cache, 'journal');
    journal.mockImplementation(async (caller, afterSeq, max) => {
      const answer = await read(caller, afterSeq, max);
      return { ...answer, entries: answer.entries.slice(0, 400) };
    });
    b.run();
    await reached;
    journal.mockRejectedValueOnce(new Error('Redis is unavailable'));
    open();
    await until('all is flushed', () => b.store.at.seq === 150);
    expect(b.store.batches.map(({ lastSeq }) => lastSeq)).toEqual([50, 100, 150]);
  });

  it('of a new epoch starts without entries read ahead in the previous one', async () => {
    const b = await bench(50);
    for (let n = 0; n < 2; n++) await b.post(50);
    await b.flusher.round(b.epoch.keeper, 1);
    const next = await modelEpoch(ACCOUNTS, 2);
    for (let n = 0; n < 50; n++) await next.apply(order(`next-${n}`));
    b.store.at = { epoch: 2, seq: 50, idTimeMax: 0 };
    const { journal, publish } = next.cache;
    vi.spyOn(b.epoch.cache, 'journal').mockImplementation((...args) => journal.apply(next.cache, args));
    vi.spyOn(b.epoch.cache, 'publish').mockImplementation((...args) => publish.apply(next.cache, args));
    expect(await b.flusher.round(next.keeper, 2)).toBe(0);
    expect(b.store.batches).toHaveLength(1);
  });
});

describe('Catching up', () => {
  it('flushes to the end of the journal, and returns its last seq', async () => {
    const b = await bench(50);
    for (let n = 0; n < 3; n++) await b.post(30);
    expect(await b.flusher.catchUp(b.epoch.keeper, 1)).toBe(90);
    expect(b.store.at.seq).toBe(90);
    expect(await b.flusher.catchUp(b.epoch.keeper, 1)).toBe(90);
    expect(b.store.attempts).toBe(3);
  });

  it('ends early when requested, and continues from the cursor the next time', async () => {
    const b = await bench(50);
    for (let n = 0; n < 3; n++) await b.post(50);
    const calls: [seq: number, headSeq: number][] = [];
    const goesOn = (seq: number, headSeq: number) => calls.push([seq, headSeq]) < 2;
    expect(await b.flusher.catchUp(b.epoch.keeper, 1, goesOn)).toBeNull();
    expect(calls).toEqual([
      [50, 150],
      [100, 150],
    ]);
    expect(b.store.at.seq).toBe(100);
    expect(await b.flusher.catchUp(b.epoch.keeper, 1, goesOn)).toBeNull();
    expect(await b.flusher.catchUp(b.epoch.keeper, 1, goesOn)).toBe(150);
    expect(b.store.batches.map(({ lastSeq }) => lastSeq)).toEqual([50, 100, 150]);
  });

  it('stops at the first failure, and continues from the cursor the next time', async () => {
    const b = await bench(50);
    for (let n = 0; n < 3; n++) await b.post(50);
    b.store.after = async () => {
      if (b.store.attempts === 2) throw new Error('no answer');
    };
    await expect(b.flusher.catchUp(b.epoch.keeper, 1)).rejects.toThrow('no answer');
    expect(await b.flusher.catchUp(b.epoch.keeper, 1)).toBe(150);
    expect(b.store.batches.map(({ lastSeq }) => lastSeq)).toEqual([50, 100, 150]);
  });
});
