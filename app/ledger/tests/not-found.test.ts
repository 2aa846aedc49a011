import { beforeEach, describe, expect, it } from 'vitest';
import { summaryOf } from '../../domain/testing/orders.ts';
import { commandLost } from '../../journal/testing/faulty-cache.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

let bench: SwitchBench;
beforeEach(async () => {
  bench = await SwitchBench.open();
});

describe('An in-doubt transfer whose account is in no store', () => {
  it('is resolved once MySQL decides, because no attempt can have moved money', async () => {
    bench.cache.always('apply', commandLost);
    const waiting = bench.ledger.apply([bench.order({ destination: 'nobody' })], 'cache');
    await bench.clock.pass(50);
    bench.close();
    await bench.settle();
    bench.toDirect();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['account_not_found']);
  });

  it('is resolved in the next epoch', async () => {
    bench.cache.next('apply', commandLost);
    const waiting = bench.ledger.apply([bench.order({ destination: 'nobody' })], 'cache');
    await bench.clock.pass(1);
    bench.close();
    await bench.settle();
    await bench.toCache();
    expect((await bench.clock.until(waiting)).map(summaryOf)).toEqual(['account_not_found']);
  });

  it('stays in doubt in the same epoch: it may run after its account was opened', async () => {
    bench.cache.next('apply', commandLost);
    const [answer] = await bench.apply(bench.order({ destination: 'nobody' }));
    expect(answer).toMatchObject({ code: 'outcome_unknown' });
  });
});
