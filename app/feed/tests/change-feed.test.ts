import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { VirtualClock } from '../../kernel/testing/virtual-clock.ts';
import type { FeedFilter, FeedPage, FeedPosition, FeedStart } from '../../ledger/ports/feed.ts';
import { ChangeFeed } from '../change-feed.ts';
import { CollectingSink } from '../testing/collecting-sink.ts';
import { MemoryLog, sealedTransfer } from '../testing/memory-log.ts';

const ALL: FeedFilter = { accounts: null, types: null, details: false };
const ofAccounts = (...accounts: string[]): FeedFilter => ({ ...ALL, accounts: new Set(accounts) });

let clock: VirtualClock;
let logs: MemoryLog[];
let ends: string[];
let behind: number;
let feed: ChangeFeed;
/** Throws if the shards have no log yet. */
let active: () => void;

function createFeed(shards = 1, waitingMax?: number): void {
  logs = Array.from({ length: shards }, () => new MemoryLog());
  createReader(waitingMax);
}

/** The feed of another pod, on the same logs. */
function createReader(waitingMax?: number): void {
  feed = new ChangeFeed({
    shards: logs.map((log) => ({ log, logger: keptLog(), requireActive: () => active() })),
    ledgerId: async () => 'ledger',
    clock,
    onEnd: (reason) => ends.push(reason),
    onBehind: () => {
      behind += 1;
    },
    ...(waitingMax !== undefined && { waitingMax }),
  });
}
beforeEach(() => {
  clock = new VirtualClock();
  ends = [];
  active = () => {};
  behind = 0;
  createFeed();
});

const log = (): MemoryLog => logs[0] as MemoryLog;

/** Subscribes a new sink. */
async function listen(start: FeedStart = 'latest', filter = ALL, sink = new CollectingSink()) {
  const subscription = feed.subscribe(await feed.begin(start, filter), filter, sink);
  await clock.settle();
  return Object.assign(sink, { subscription });
}

/** Seals rows of transfers with these ids. */
function seal(...rows: string[][]): void {
  for (const ids of rows) log().seal(...ids.map((transactionId) => sealedTransfer({ transactionId })));
}

describe('A listener', () => {
  it('gets what is sealed after its start, and nothing older', async () => {
    seal(['a']);
    const sink = await listen();
    seal(['b', 'c'], ['d']);
    await clock.pass(200);
    expect(sink.subjects).toEqual(['b', 'c', 'd']);
  });

  it('gets everything from the oldest row on', async () => {
    seal(['a'], ['b', 'c']);
    const sink = await listen('oldest');
    seal(['d']);
    await clock.pass(200);
    expect(sink.subjects).toEqual(['a', 'b', 'c', 'd']);
  });

  it('resumes after any event exactly where it was', async () => {
    seal(['a', 'b'], ['c'], ['d', 'e', 'f']);
    const whole = await listen('oldest');
    await clock.pass(200);
    expect(whole.sent.length).toBe(6);
    for (const [index, { position }] of whole.sent.entries()) {
      const resumed = await listen(position);
      await clock.pass(200);
      expect(resumed.subjects).toEqual(whole.subjects.slice(index + 1));
    }
  });

  it('that joins a follower that has fallen behind gets no events from before its own start', async () => {
    const first = await listen();
    let release = () => {};
    log().held = new Promise((resolve) => {
      release = resolve;
    });
    seal(['a'], ['b']);
    await clock.pass(200);
    const second = await listen();
    seal(['c']);
    release();
    await clock.pass(500);
    expect(first.subjects).toEqual(['a', 'b', 'c']);
    expect(second.subjects).toEqual(['c']);
  });

  it('gets only events of its accounts and types, each once, and advances past all others', async () => {
    const sink = await listen('latest', {
      accounts: new Set(['ada', 'eve']),
      types: new Set(['holdfast.transfer.posted']),
      details: false,
    });
    log().seal(
      sealedTransfer({ transactionId: 'yes', source: 'ada', destination: 'eve' }),
      sealedTransfer({ transactionId: 'no', source: 'bob', destination: 'carl' }),
      { kind: 'unknown', type: 'of a later release' },
      { ...sealedTransfer({ transactionId: 'refused' }), status: 'REJECTED', refusal: 'insufficient_funds' },
    );
    seal(['ada-to-bob']);
    log().seal(sealedTransfer({ source: 'bob', destination: 'carl' }));
    await clock.pass(200);
    expect(sink.subjects).toEqual(['yes', 'ada-to-bob']);
    expect(sink.position).toMatchObject([{ position: 2, index: 0 }]);
    expect(sink.subscription.position).toMatchObject([{ position: 3, index: null }]);
  });

  it('gets references and metadata on request, read once for all live listeners, and also for old events and in pages', async () => {
    const detailed = { ...ALL, details: true };
    const plain = await listen();
    const live = [await listen('latest', detailed), await listen('latest', detailed)];
    const ofNobody = await listen('latest', { ...ofAccounts('nobody'), details: true });
    seal(['a', 'b']);
    log().seal(sealedTransfer({ transactionId: 'c', source: 'carl', destination: 'eve' }));
    await clock.pass(300);
    const references = (sink: CollectingSink) => sink.events.map(({ data }) => data['reference']);
    for (const sink of live) expect(references(sink)).toEqual(['about a', 'about b', 'about c']);
    expect(references(plain)).toEqual([undefined, undefined, undefined]);
    expect(ofNobody.sent).toEqual([]);
    expect(log().joined).toBe(3);
    const replayed = await listen('oldest', { ...detailed, accounts: new Set(['ada']) });
    await clock.pass(300);
    expect(references(replayed)).toEqual(['about a', 'about b']);
    const page = await clock.until(feed.page('oldest', detailed, 1));
    expect(page.events.map((event) => JSON.parse(event.json()).data)).toMatchObject([
      { user: 'ada', reference: 'about a' },
    ]);
  });

  it('that wants details while MySQL is unavailable gets its events afterwards', async () => {
    const sink = await listen('latest', { ...ALL, details: true });
    seal(['a']);
    log().failure = new Problem('database_unavailable', 'away');
    await clock.pass(5_000);
    log().failure = null;
    await clock.pass(5_000);
    expect(sink.subjects).toEqual(['a']);
  });

  it('causes no more reads after it has left', async () => {
    const sink = await listen();
    sink.subscription.cancel();
    await clock.pass(1_000);
    const { reads } = log();
    await clock.pass(60_000);
    expect(log().reads).toBe(reads);
    expect(ends).toEqual(['client_gone']);
  });

  it('that leaves while it reads old rows causes no further reads of their details', async () => {
    seal(...Array.from({ length: 10 }, (_, row) => Array.from({ length: 100 }, (_, index) => `${row}.${index}`)));
    const sink = new CollectingSink();
    sink.room = 1;
    const { subscription } = await listen('oldest', { ...ALL, details: true }, sink);
    await clock.pass(1_000);
    expect(sink.isFull).toBe(true);
    const { joined } = log();
    subscription.cancel();
    await clock.pass(1_000);
    expect(log().joined).toBe(joined);
  });

  it('shares one reader with all others', async () => {
    await listen();
    await clock.pass(1_000);
    const before = log().reads;
    await clock.pass(10_000);
    const ofOne = log().reads - before;
    for (let more = 0; more < 50; more++) await listen();
    await clock.pass(1_000);
    const between = log().reads;
    await clock.pass(10_000);
    expect(log().reads - between).toBeLessThanOrEqual(ofOne + 2);
  });

  it('notices only a delay while MySQL is unavailable', async () => {
    const live = await listen();
    log().failure = new Problem('database_unavailable', 'away');
    seal(['a']);
    await clock.pass(5_000);
    expect(feed.behindMs(0)).toBeGreaterThan(4_000);
    log().failure = null;
    await clock.pass(5_000);
    expect(live.subjects).toEqual(['a']);
    expect(feed.behindMs(0)).toBe(0);
  });

  it('that reads old rows while MySQL is unavailable gets them afterwards', async () => {
    seal(['a']);
    const from = await feed.begin('oldest', ALL);
    log().failure = new Problem('database_unavailable', 'away');
    const sink = new CollectingSink();
    feed.subscribe(from, ALL, sink);
    await clock.pass(20_000);
    log().failure = null;
    await clock.pass(20_000);
    expect(sink.subjects).toEqual(['a']);
  });
});

describe('Listeners that are behind', () => {
  const PER_ROW = 500;
  const entry = sealedTransfer();
  const grow = (rows: number) => {
    for (let row = 0; row < rows; row++) log().seal(...Array.from({ length: PER_ROW }, () => entry));
  };
  const behindBy = (position: FeedPosition): number => log().newest - (position[0]?.position ?? 0);
  const listenAt = (position: number) => listen([{ position, index: null }], ofAccounts('nobody'));

  it('reach the end of a growing log, although they are at many different positions', async () => {
    grow(100);
    const sinks = await Promise.all(Array.from({ length: 20 }, (_, index) => listenAt(5 * index)));
    for (let step = 0; step < 150; step++) {
      grow(2);
      await clock.pass(200);
    }
    await clock.pass(200);
    for (const { subscription } of sinks) expect(behindBy(subscription.position)).toBe(0);
  });

  it('do not have to wait until another one has read the whole log', async () => {
    grow(400);
    const far = await listenAt(0);
    const near = await listenAt(395);
    await clock.pass(4_000);
    expect(behindBy(near.subscription.position)).toBe(0);
    expect(behindBy(far.subscription.position)).toBeGreaterThan(200);
    await clock.pass(8_000);
    expect(behindBy(far.subscription.position)).toBe(0);
  });
});

describe('A slow listener', () => {
  const ids = Array.from({ length: 700 }, (_, index) => `t${index}`);

  it('does not delay others, gets everything in order when it reads again, and is never given more than its buffer', async () => {
    const slow = await listen();
    const quick = await listen();
    slow.room = 1;
    const ids: string[] = [];
    for (let row = 0; row < 20; row++) {
      const rowIds = Array.from({ length: 100 }, (_, index) => `${row}.${index}`);
      ids.push(...rowIds);
      seal(rowIds);
      await clock.pass(100);
    }
    await clock.pass(200);
    expect(quick.subjects).toEqual(ids);
    expect(slow.isFull).toBe(true);
    expect(behind).toBe(1);
    expect(slow.sent.reduce((sum, { event }) => sum + event.json().length, 0)).toBeLessThan(80_000);
    slow.drain();
    await clock.pass(5_000);
    expect(slow.subjects).toEqual(ids);
    seal(['live again']);
    await clock.pass(200);
    expect(slow.subjects.at(-1)).toBe('live again');
    expect(ends).toEqual([]);
  });

  it('is disconnected after 20 seconds in which it takes nothing', async () => {
    const slow = await listen();
    slow.room = 1;
    seal(ids);
    await clock.pass(19_000);
    expect(slow.ended).toBeNull();
    await clock.pass(2_000);
    expect(slow.ended).toBe('too_slow');
    expect(ends).toEqual(['too_slow']);
    const resumed = await listen(slow.position);
    await clock.pass(5_000);
    expect([...slow.subjects, ...resumed.subjects]).toEqual(ids);
  });

  it('is served from the log while the buffers of all listeners together are full', async () => {
    createFeed(1, 100_000);
    const slow = await Promise.all(Array.from({ length: 20 }, () => listen()));
    for (const sink of slow) sink.room = 1;
    for (let row = 0; row < 5; row++) {
      seal(Array.from({ length: 20 }, (_, index) => `${row}.${index}`));
      await clock.pass(100);
    }
    expect(behind).toBeGreaterThanOrEqual(20);
    for (const sink of slow) sink.drain();
    await clock.pass(19_000);
    for (const sink of slow) expect(sink.sent.length).toBe(100);
  });
});

describe('A position', () => {
  it('before the oldest row is reported as gone', async () => {
    seal(['a', 'b'], ['c'], ['d']);
    log().oldest = 3;
    for (const place of [
      { position: 1, index: null },
      { position: 2, index: 0 },
      { position: 0, index: null },
    ])
      await expect(feed.begin([place], ALL)).rejects.toMatchObject({ code: 'events_gone' });
    await expect(feed.begin([{ position: 2, index: null }], ALL)).resolves.toBeDefined();
    const sink = await listen('oldest');
    await clock.pass(200);
    expect(sink.subjects).toEqual(['d']);
  });

  it('is refused while the ledger has no log', async () => {
    active = () => {
      throw new Problem('feature_not_active', 'format 1');
    };
    await expect(feed.begin('latest', ALL)).rejects.toMatchObject({ code: 'feature_not_active' });
    await expect(feed.page('oldest', ALL, 1)).rejects.toMatchObject({ code: 'feature_not_active' });
  });

  it('beyond the end of the log is refused', async () => {
    seal(['a']);
    await expect(feed.begin([{ position: 2, index: null }], ALL)).rejects.toMatchObject({ code: 'validation_failed' });
    await expect(feed.page([{ position: 9e15, index: 3 }], ALL, 10)).rejects.toMatchObject({
      code: 'validation_failed',
    });
  });

  it('of rows that were lost when a backup was restored is refused, although other rows now have their positions', async () => {
    seal(['a'], ['b'], ['c']);
    const sink = await listen('oldest');
    await clock.pass(200);
    sink.subscription.cancel();
    log().rows.splice(1);
    log().history = 'restored';
    seal(['x'], ['y'], ['z']);
    const [first, second, third] = sink.sent.map(({ position }) => position);
    createReader();
    await expect(clock.until(feed.begin(first ?? [], ALL))).resolves.toEqual(first);
    for (const lost of [second, third, [{ ...third?.[0], index: null }] as FeedPosition])
      await expect(clock.until(feed.begin(lost ?? [], ALL))).rejects.toMatchObject({ code: 'validation_failed' });
  });

  it('with an index that its row does not have begins after the row', async () => {
    seal(['a'], ['b']);
    const sink = await listen([{ position: 1, index: 999_999_999 }]);
    await clock.pass(200);
    expect(sink.subjects).toEqual(['b']);
  });

  it('whose rows are dropped while they are read ends the stream', async () => {
    seal(...Array.from({ length: 40 }, (_, index) => [`t${index}`]));
    const sink = new CollectingSink();
    sink.room = 1;
    const from = await feed.begin('oldest', ALL);
    feed.subscribe(from, ALL, sink);
    await clock.settle();
    log().oldest = 40;
    sink.drain();
    await clock.pass(5_000);
    expect(sink.ended).toBe('failed');
  });
});

describe('Pages', () => {
  it('cover all events, whatever the size of a page', async () => {
    seal(['a', 'b', 'c'], ['d'], [], ['e', 'f']);
    for (const limit of [1, 2, 3, 4, 100]) {
      const found: string[] = [];
      let start: FeedStart = 'oldest';
      for (let pages = 0; pages < 20; pages++) {
        const page: FeedPage = await clock.until(feed.page(start, ALL, limit));
        expect(page.events.length).toBeLessThanOrEqual(limit);
        found.push(...page.events.map((event) => (JSON.parse(event.json()) as { subject: string }).subject));
        start = page.next;
        if (page.caughtUp) break;
      }
      expect(found).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    }
  });

  it('end after 10,000 entries that do not match the filter', async () => {
    for (let row = 0; row < 30; row++) seal(Array.from({ length: 1_000 }, (_, index) => `${row}.${index}`));
    const page = await clock.until(feed.page('oldest', ofAccounts('nobody'), 10));
    expect(page).toMatchObject({ events: [], caughtUp: false, next: [{ position: 10, index: null }] });
  });
});

describe('With several shards', () => {
  beforeEach(() => createFeed(3));

  it('a listener gets the events of all shards, and resumes in each of them', async () => {
    const sink = await listen();
    for (let round = 0; round < 5; round++) {
      for (const [shard, one] of logs.entries()) one.seal(sealedTransfer({ transactionId: `${shard}-${round}` }));
      await clock.pass(150);
    }
    expect(sink.sent.length).toBe(15);
    for (const [index, { position }] of sink.sent.entries()) {
      const resumed = await listen(position);
      await clock.pass(500);
      expect(new Set([...sink.subjects.slice(0, index + 1), ...resumed.subjects]).size).toBe(15);
      expect(resumed.sent.length).toBe(14 - index);
      resumed.subscription.cancel();
    }
  });

  it('only the shards of the accounts are read, and a stream of other accounts cannot be resumed', async () => {
    const filter = ofAccounts('ada');
    const sink = await listen('latest', filter);
    await clock.pass(5_000);
    expect(logs.filter(({ reads }) => reads > 0).length).toBe(1);
    const { position } = sink.subscription;
    expect(position.filter((place) => place !== null).length).toBe(1);
    await expect(feed.begin(position, ALL)).rejects.toMatchObject({ code: 'validation_failed' });
    await expect(feed.begin(position, filter)).resolves.toEqual(position);
  });

  it('a page contains events of all shards', async () => {
    for (const one of logs) one.seal(...Array.from({ length: 10 }, () => sealedTransfer()));
    const page = await clock.until(feed.page('oldest', ALL, 9));
    expect(page.events.length).toBe(9);
    expect(page.next.map((place) => place?.index)).toEqual([2, 2, 2]);
  });
});
