import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { accountOf, orderOf, posted, summaryOf } from '../../domain/testing/orders.ts';
import { type Pod, RealLedger } from '../testing/real-ledger.ts';

const MAX = Number.MAX_SAFE_INTEGER;
let stage: RealLedger;
let pod: Pod;
let round = 0;
let rich: string;
let poor: string;
let world: string;

beforeAll(async () => {
  stage = await RealLedger.open({ redisPort: inject('redisPort'), mysqlUrl: inject('mysqlUrl') });
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  round += 1;
  [rich, poor, world] = [`rich-${round}`, `poor-${round}`, `world-${round}`];
  await stage.begin();
  await stage.open(accountOf(rich), accountOf(poor), accountOf(world), accountOf(`${world}-2`));
  pod = await stage.pod();
});

async function move(source: string, destination: string, amount: number): Promise<string> {
  const [answer] = await pod.apply([orderOf({ source, destination, amount })]);
  return summaryOf(answer);
}
async function balanceOf(id: string): Promise<number | undefined> {
  const { accounts } = await stage.scripts.read(pod.caller, [id]);
  return accounts[0]?.balance;
}

describe('a ledger whose balances stay within ±(2^53 − 1)', () => {
  it('reaches the limit exactly, with the external account exactly at its own limit', async () => {
    const [answer] = await pod.apply([orderOf({ source: world, destination: rich, amount: MAX })]);
    expect([posted(answer).source.balance, posted(answer).destination.balance]).toEqual([-MAX, MAX]);
    expect([await balanceOf(world), await balanceOf(rich)]).toEqual([-MAX, MAX]);
  });

  it('refuses one unit more on the destination', async () => {
    await move(world, rich, MAX);
    expect(await move(`${world}-2`, rich, 1)).toBe('balance_out_of_range');
    expect(await balanceOf(rich)).toBe(MAX);
  });

  it('refuses one unit less on the external source', async () => {
    await move(world, rich, MAX);
    expect(await move(world, poor, 1)).toBe('balance_out_of_range');
    expect(await balanceOf(world)).toBe(-MAX);
  });

  it('refuses sums that a double would round back to the limit', async () => {
    // 2^53 is even and exact, 2^53 + 1 is rounded to it: neither may be mistaken for 2^53 − 1.
    await move(world, rich, MAX);
    for (const amount of [1, 2, 3, MAX - 1, MAX])
      expect(await move(`${world}-2`, rich, amount)).toBe('balance_out_of_range');
    for (const amount of [1, 2, 3, MAX - 1, MAX]) expect(await move(world, poor, amount)).toBe('balance_out_of_range');
    expect([await balanceOf(rich), await balanceOf(poor)]).toEqual([MAX, 0]);
  });

  it('stores that refusal, and replays it when there is room again', async () => {
    await move(world, rich, MAX);
    const one = orderOf({ source: `${world}-2`, destination: rich, amount: 1 });
    expect((await pod.apply([one])).map(summaryOf)).toEqual(['balance_out_of_range']);
    await move(rich, world, 10);
    expect((await pod.apply([one])).map(summaryOf)).toEqual(['again balance_out_of_range']);
    expect(await balanceOf(rich)).toBe(MAX - 10);
  });

  it('moves a balance at the limit to another account, and single units back', async () => {
    await move(world, rich, MAX);
    expect(await move(rich, poor, MAX)).toBe('POSTED');
    expect(await move(poor, rich, 1)).toBe('POSTED');
    expect([await balanceOf(poor), await balanceOf(rich)]).toEqual([MAX - 1, 1]);
    expect(await move(poor, rich, MAX)).toBe('insufficient_funds');
  });

  it('keeps its balances exact on the way to MySQL and back', async () => {
    await move(world, rich, MAX);
    await stage.flush();
    expect(await stage.storedAccount(rich)).toMatchObject({ balance: MAX });
    expect(await stage.storedAccount(world)).toMatchObject({ balance: -MAX });
    await stage.begin();
    pod = await stage.pod();
    expect(await pod.ledger.read([rich, world])).toMatchObject([{ balance: MAX }, { balance: -MAX }]);
    expect(await move(`${world}-2`, rich, 1)).toBe('balance_out_of_range');
  });

  it('spends a balance and an overdraft limit that together are beyond 2^53', async () => {
    const vast = `vast-${round}`;
    await stage.open(accountOf(vast, { overdraftLimit: MAX }));
    await move(world, vast, MAX);
    // Available is 2 · (2^53 − 1): more than any single transfer can request.
    expect(await move(vast, world, MAX)).toBe('POSTED');
    expect(await move(vast, rich, MAX)).toBe('POSTED');
    expect([await balanceOf(vast), await balanceOf(rich)]).toEqual([-MAX, MAX]);
    expect(await move(vast, poor, 1)).toBe('insufficient_funds');
  });

  it('limits an overdraft to exactly its limit', async () => {
    const narrow = `narrow-${round}`;
    await stage.open(accountOf(narrow, { overdraftLimit: 70 }));
    expect(await move(narrow, rich, 71)).toBe('insufficient_funds');
    expect(await move(narrow, rich, 70)).toBe('POSTED');
    expect(await move(narrow, rich, 1)).toBe('insufficient_funds');
  });
});
