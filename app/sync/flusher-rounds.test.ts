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

/** A commit that waits: `reached` when it has begun, and goes on with `open`. */
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
  it('moves only after the commit', async () => {
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

  it('does not move with a commit that failed, nor is anything trimmed', async () => {
    const b = await bench();
    const publish = vi.spyOn(b.epoch.cache, 'publish');
    await b.post(2);
    b.store.before = async () => {
      throw new Error('MySQL is away');
    };
    await expect(b.flusher.round(b.epoch.keeper, 1)).rejects.toThrow('away');
    expect(publish).not.toHaveBeenCalled();
  });

  it('that could not be published is published with a later batch, and nothing is committed twice', async () => {
    const b = await bench();
    await b.post(2);
    vi.spyOn(b.epoch.cache, 'publish').mockRejectedValueOnce(new Error('Redis is away'));
    b.run();
    await until('it has failed', () => b.failures.length === 1);
    await b.post(1);
    await until('all is flushed', () => b.store.at.seq === 3);
    expect(b.store.batches.map(({ afterSeq }) => afterSeq)).toEqual([0, 2]);
    await until('the cursor is out', async () => (await b.epoch.cache.read(b.epoch.pod, [])).head.cursor === 3);
  });
});

describe('A cursor that was committed and not published', () => {
  it('is published by the next round, even when nothing more is written', async () => {
    const b = await bench();
    await b.post(2);
    vi.spyOn(b.epoch.cache, 'publish').mockRejectedValueOnce(new Error('Redis is away'));
    b.run();
    await until('the cursor is out', async () => (await b.epoch.cache.read(b.epoch.pod, [])).head.cursor === 2);
    expect(b.store.attempts).toBe(1);
  });
});

describe('A batch that is too heavy', () => {
  it('is tried smaller and smaller, and the full size again after a success', async () => {
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
  it('keeps what was flushed for a while, for retries, and then is trimmed up to there', async () => {
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

  it('is trimmed by what was flushed before a failure, too: what is committed stays so', async () => {
    const b = await bench();
    await b.post(1);
    await b.flusher.round(b.epoch.keeper, 1);
    b.flusher.forget();
    b.clock.advance(2 * KEEP_FLUSHED_MS);
    await b.post(1);
    await b.flusher.round(b.epoch.keeper, 1);
    expect((await b.epoch.entries()).map(({ firstSeq }) => firstSeq)).toEqual([2]);
  });

  it('is read ahead while a batch commits, when more than a batch waits', async () => {
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
    await until('it reads on', () => journal.mock.calls.length > readBefore);
    expect(b.store.at.seq).toBe(0);
    open();
    expect(await round).toBe(50);
    b.store.before = async () => {};
    expect(await b.flusher.round(b.epoch.keeper, 1)).toBe(50);
    expect(await b.flusher.round(b.epoch.keeper, 1)).toBe(0);
  });

  it('that was read ahead in vain, as the commit failed, is read again from the cursor', async () => {
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

  it('that cannot be read ahead does not undo the commit that was under way', async () => {
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
    journal.mockRejectedValueOnce(new Error('Redis is away'));
    open();
    await until('all is flushed', () => b.store.at.seq === 150);
    expect(b.store.batches.map(({ lastSeq }) => lastSeq)).toEqual([50, 100, 150]);
  });

  it('of another epoch begins with nothing of what was read ahead of the one before', async () => {
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

describe('Draining', () => {
  it('flushes to the end of the journal, and tells its last seq', async () => {
    const b = await bench(50);
    for (let n = 0; n < 3; n++) await b.post(30);
    expect(await b.flusher.drain(b.epoch.keeper, 1)).toBe(90);
    expect(b.store.at.seq).toBe(90);
    expect(await b.flusher.drain(b.epoch.keeper, 1)).toBe(90);
    expect(b.store.attempts).toBe(3);
  });

  it('is over earlier when it is told so, and goes on from the cursor the next time', async () => {
    const b = await bench(50);
    for (let n = 0; n < 3; n++) await b.post(50);
    const told: [seq: number, headSeq: number][] = [];
    const goesOn = (seq: number, headSeq: number) => told.push([seq, headSeq]) < 2;
    expect(await b.flusher.drain(b.epoch.keeper, 1, goesOn)).toBeNull();
    expect(told).toEqual([
      [50, 150],
      [100, 150],
    ]);
    expect(b.store.at.seq).toBe(100);
    expect(await b.flusher.drain(b.epoch.keeper, 1, goesOn)).toBeNull();
    expect(await b.flusher.drain(b.epoch.keeper, 1, goesOn)).toBe(150);
    expect(b.store.batches.map(({ lastSeq }) => lastSeq)).toEqual([50, 100, 150]);
  });

  it('is stopped by the first failure, and goes on from the cursor the next time', async () => {
    const b = await bench(50);
    for (let n = 0; n < 3; n++) await b.post(50);
    b.store.after = async () => {
      if (b.store.attempts === 2) throw new Error('no answer');
    };
    await expect(b.flusher.drain(b.epoch.keeper, 1)).rejects.toThrow('no answer');
    expect(await b.flusher.drain(b.epoch.keeper, 1)).toBe(150);
    expect(b.store.batches.map(({ lastSeq }) => lastSeq)).toEqual([50, 100, 150]);
  });
});
