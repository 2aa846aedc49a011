import { describe, expect, it } from 'vitest';
import { NoAnswerError } from '../errors.ts';
import { problem } from '../testing/hostile-server.ts';
import { VirtualClock } from '../testing/virtual-clock.ts';
import { type Exchange, type RetryOptions, settle } from './settle.ts';
import type { Verdict } from './verdict.ts';

const OPTIONS: RetryOptions = { deadlineMs: 60_000, attemptTimeoutMs: 10_000 };
const error = new NoAnswerError('lost', 'c', null);
const PROBLEM = { ...problem('insufficient_funds', 422), code: 'insufficient_funds' } as const;
const POSTED: Verdict<string> = { verdict: 'accepted', value: 'posted' };
const LOST: Verdict<string> = { verdict: 'again', error, inDoubt: true, retryAfterMs: null };
const busy = (retryAfterMs: number): Verdict<string> => ({ verdict: 'again', error, inDoubt: false, retryAfterMs });
const forbidden: Verdict<string> = { verdict: 'failed', error, conclusive: false };
const refused = (conclusive: boolean): Verdict<string> => ({ verdict: 'refused', problem: PROBLEM, conclusive });
const idOfAnother: Verdict<string> = { verdict: 'failed', error, conclusive: true };

/** Answers successive attempts with these verdicts; the last verdict is repeated forever. */
class Script {
  readonly clock = new VirtualClock();
  /** When each attempt was made, ms. */
  readonly sentAt: number[] = [];
  readonly timeouts: number[] = [];
  lookUps = 0;
  readonly #verdicts: readonly Verdict<string>[];
  readonly #found: Verdict<string> | null | undefined;
  /** How long each attempt takes. */
  attemptMs = 0;

  /** @param found what a look-up finds; undefined if there is no look-up */
  constructor(verdicts: readonly Verdict<string>[], found?: Verdict<string> | null) {
    this.#verdicts = verdicts;
    this.#found = found;
  }

  async run(options: Partial<RetryOptions> = {}) {
    const exchange: Exchange<string, string> = {
      send: async (items, { timeoutMs, signal }) => {
        this.sentAt.push(this.clock.elapsedMs);
        this.timeouts.push(timeoutMs);
        await this.clock.sleep(Math.min(this.attemptMs, timeoutMs), signal);
        const verdict = this.#verdicts[Math.min(this.sentAt.length, this.#verdicts.length) - 1];
        return items.map(() => verdict ?? LOST);
      },
      ...(this.#found !== undefined && {
        lookUp: async () => {
          this.lookUps++;
          const found = this.#found;
          return found?.verdict === 'again' ? null : (found ?? null);
        },
      }),
    };
    const [settled] = await this.clock.run(settle(['item'], exchange, { ...OPTIONS, ...options }, this.clock));
    return settled;
  }
}

describe('settle', () => {
  it('finishes after the first answer', async () => {
    const script = new Script([POSTED]);
    expect(await script.run()).toEqual({ kind: 'accepted', value: 'posted', attempts: 1 });
    expect(script.sentAt).toEqual([0]);
  });
  it('repeats a lost attempt, with waits that double up to five seconds', async () => {
    const script = new Script([LOST, LOST, LOST, LOST, LOST, LOST, LOST, LOST, POSTED]);
    expect(await script.run()).toMatchObject({ kind: 'accepted', attempts: 9 });
    const waits = script.sentAt.slice(1).map((at, i) => at - (script.sentAt[i] ?? 0));
    expect(waits).toEqual([75, 150, 300, 600, 1200, 2400, 3750, 3750]);
  });
  it('waits at least as long as the service asks, but not exactly as long as other clients', async () => {
    const script = new Script([busy(3_000), busy(3_000), POSTED]);
    await script.run();
    expect(script.sentAt).toEqual([0, 3_050, 6_150]);
  });
  it('does not wait if the wait would exceed the deadline', async () => {
    const script = new Script([busy(86_400_000)]);
    expect(await script.run()).toMatchObject({ kind: 'failed', attempts: 1 });
    expect(script.clock.elapsedMs).toBe(0);
  });
  it('reports that nothing was changed if every attempt until the deadline was turned away', async () => {
    const script = new Script([busy(1_000)]);
    expect(await script.run()).toMatchObject({ kind: 'failed' });
    expect(script.clock.elapsedMs).toBeLessThan(60_000);
  });
  it('never reports a failure after an attempt was lost', async () => {
    expect(await new Script([LOST, busy(1_000)]).run()).toMatchObject({ kind: 'unknown', retryAfterMs: 1_000 });
    expect(await new Script([LOST, forbidden]).run()).toMatchObject({ kind: 'unknown', attempts: 2 });
    expect(await new Script([forbidden]).run()).toMatchObject({ kind: 'failed', attempts: 1 });
  });
  it('reports a refusal after a lost attempt only if it is final for the id', async () => {
    expect(await new Script([LOST, refused(true)]).run()).toMatchObject({ kind: 'refused', attempts: 2 });
    expect(await new Script([LOST, refused(false)]).run()).toMatchObject({ kind: 'unknown', attempts: 2 });
    expect(await new Script([refused(false)]).run()).toMatchObject({ kind: 'refused', attempts: 1 });
  });
  it('accepts an answer that rules out every attempt', async () => {
    expect(await new Script([LOST, idOfAnother]).run()).toMatchObject({ kind: 'failed', attempts: 2 });
  });
  it('looks up an item that is still in doubt at the end, once', async () => {
    const found = new Script([LOST], POSTED);
    expect(await found.run()).toMatchObject({ kind: 'accepted', value: 'posted' });
    expect(found.lookUps).toBe(1);
    const notFound = new Script([LOST], null);
    expect(await notFound.run()).toMatchObject({ kind: 'unknown' });
    const without = new Script([busy(1_000)], POSTED);
    expect(await without.run()).toMatchObject({ kind: 'failed' });
    expect(without.lookUps).toBe(0);
  });
  it('looks up at once if sending again is pointless', async () => {
    const script = new Script([LOST, forbidden], POSTED);
    expect(await script.run()).toMatchObject({ kind: 'accepted' });
    expect(script.sentAt).toHaveLength(2);
  });
  it('keeps attempts within the deadline, and starts none that would have no time for an answer', async () => {
    const script = new Script([LOST], null);
    script.attemptMs = 10_000;
    await script.run();
    expect(script.timeouts.every((ms) => ms >= 500 && ms <= 10_000)).toBe(true);
    // Two seconds are left for the look-up.
    expect(script.clock.elapsedMs).toBeLessThanOrEqual(58_000);
    const short = new Script([LOST]);
    short.attemptMs = 100;
    await short.run({ deadlineMs: 300 });
    expect(short.timeouts.every((ms) => ms >= 60)).toBe(true);
  });
  it('stops when it is aborted, and reports what is known at that point', async () => {
    const aborted = AbortSignal.abort(new Error('no longer'));
    const never = new Script([POSTED]);
    expect(await never.run({ signal: aborted })).toMatchObject({ kind: 'failed', error: { message: 'no longer' } });
    expect(never.sentAt).toEqual([]);

    const controller = new AbortController();
    const waiting = new Script([LOST], POSTED);
    const work = waiting.run({ signal: controller.signal });
    void waiting.clock.sleep(20).then(() => controller.abort(new Error('no longer')));
    expect(await work).toMatchObject({ kind: 'unknown', attempts: 1, error: { message: 'no longer' } });
    expect(waiting.lookUps).toBe(0);
  });
  it('sends again only the items that need it, and returns all in their original order', async () => {
    const clock = new VirtualClock();
    const sent: string[][] = [];
    const exchange: Exchange<string, string> = {
      send: async (items) => {
        sent.push([...items]);
        return items.map((item) => (item === 'b' && sent.length < 3 ? LOST : { verdict: 'accepted', value: item }));
      },
    };
    const settled = await clock.run(settle(['a', 'b', 'c'], exchange, OPTIONS, clock));
    expect(sent).toEqual([['a', 'b', 'c'], ['b'], ['b']]);
    expect(settled).toEqual([
      { kind: 'accepted', value: 'a', attempts: 1 },
      { kind: 'accepted', value: 'b', attempts: 3 },
      { kind: 'accepted', value: 'c', attempts: 1 },
    ]);
  });
});
