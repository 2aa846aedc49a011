import { describe, expect, it } from 'vitest';
import { summaryOf } from '../../domain/testing/orders.ts';
import { Gate } from '../../journal/testing/faulty-cache.ts';
import { ModelLedger } from '../testing/model-ledger.ts';

/** Fills a ledger with transfers that are not flushed. */
async function fill(stage: ModelLedger, transfers: number): Promise<void> {
  for (let made = 0; made < transfers; made++) await stage.apply(stage.order({ amount: 1 }));
}
/** Publishes a cursor, as a keeper does after a flush. */
async function publish(stage: ModelLedger, cursor: number): Promise<void> {
  await stage.model.publish(stage.keeper, cursor, 0);
  await stage.clock.until(stage.ledger.read(['a']));
}

describe('A full queue', () => {
  it('rejects immediately, and rejects all transfers of a batch that does not fit', async () => {
    const stage = await ModelLedger.open({ queueTransfersMax: 3 });
    await stage.apply(stage.order());
    const gate = new Gate();
    stage.cache.next('apply', gate.reply);
    const inside = stage.ledger.apply([stage.order(), stage.order()], 'cache');
    await gate.reached;
    const before = stage.clock.monotonic();
    expect((await stage.apply(stage.order(), stage.order())).map(summaryOf)).toEqual(['overloaded', 'overloaded']);
    expect(stage.clock.monotonic()).toBe(before);
    const fitting = stage.ledger.apply([stage.order()], 'cache');
    gate.open();
    expect((await stage.clock.until(inside)).map(summaryOf)).toEqual(['POSTED', 'POSTED']);
    expect((await stage.clock.until(fitting)).map(summaryOf)).toEqual(['POSTED']);
    expect((await stage.apply(stage.order(), stage.order(), stage.order())).map(summaryOf)).toEqual([
      'POSTED',
      'POSTED',
      'POSTED',
    ]);
  });

  it('counts transfers held while the session is closed', async () => {
    const stage = await ModelLedger.open({ queueTransfersMax: 2 });
    stage.session.close();
    const held = stage.ledger.apply([stage.order(), stage.order()], 'cache');
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['overloaded']);
    expect((await stage.clock.until(held)).map(summaryOf)).toEqual(['ledger_switching', 'ledger_switching']);
  });
});

describe('While the session is closed, a pod with several shards', () => {
  it('holds fewer transfers than its queue has room for', async () => {
    const stage = await ModelLedger.open({ queueTransfersMax: 100, heldTransfersMax: 2 });
    const open = [stage.order(), stage.order(), stage.order()];
    expect((await stage.apply(...open)).map(summaryOf)).toEqual(['POSTED', 'POSTED', 'POSTED']);
    stage.session.close();
    const held = stage.ledger.apply([stage.order(), stage.order()], 'cache');
    const before = stage.clock.monotonic();
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['ledger_switching']);
    expect(stage.clock.monotonic()).toBe(before);
    expect((await stage.clock.until(held)).map(summaryOf)).toEqual(['ledger_switching', 'ledger_switching']);
  });
});

describe('Transfers get backlog_full until more is persisted', () => {
  it('if more entries are waiting than the limit allows', async () => {
    const stage = await ModelLedger.open({ backlogEntriesMax: 3 });
    await fill(stage, 3);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
    expect(await stage.apply(stage.order())).toMatchObject([
      { code: 'backlog_full', status: 503, retryable: true, extras: { retryAfterSeconds: 5 } },
    ]);
    await publish(stage, 1);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
  });

  it('if the tail has more bytes than the limit allows', async () => {
    const stage = await ModelLedger.open({ tailBytesMax: 1_000 });
    await fill(stage, 1);
    const bytesOfOne = stage.session.view()?.tail.bytes ?? 0;
    const fitting = Math.floor(1_000 / bytesOfOne);
    await fill(stage, fitting - 1);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['backlog_full']);
    await publish(stage, fitting);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
  });

  it('if the oldest entry in the tail is older than the limit allows', async () => {
    const stage = await ModelLedger.open({ backlogAgeMaxMs: 60_000 });
    await fill(stage, 1);
    await stage.clock.pass(60_000);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
    await stage.clock.pass(1);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['backlog_full']);
    await publish(stage, 1);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
  });

  it('but are held, and not rejected, while the session is closed', async () => {
    const stage = await ModelLedger.open({ backlogEntriesMax: 1 });
    await fill(stage, 3);
    stage.session.close();
    const held = stage.ledger.apply([stage.order()], 'cache');
    await stage.clock.pass(100);
    expect(stage.ledger.open).toBe(1);
    await stage.clock.until(held);
  });
});
