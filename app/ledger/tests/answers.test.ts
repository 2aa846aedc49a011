import { expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { summaryOf } from '../../domain/testing/orders.ts';
import { ModelLedger } from '../testing/model-ledger.ts';

it('the ledger reports every transfer once, with the answer that its caller gets', async () => {
  const stage = await ModelLedger.open();
  const order = stage.order();
  const unfunded = stage.order({ source: 'a', destination: 'b', amount: 1_000 });
  const unknown = stage.order({ source: 'nobody' });
  const orders = [order, order, unfunded, { ...order, amount: 2 }, unknown];
  const answers = await stage.apply(...orders);
  expect(answers.map(summaryOf)).toEqual([
    'POSTED',
    'again POSTED',
    'insufficient_funds',
    'transaction_id_reused',
    'account_not_found',
  ]);
  expect(stage.events.answers).toEqual(orders.map((one, index) => [one, answers[index]]));
});

it('the ledger reports a transfer that is refused before it is queued', async () => {
  const stage = await ModelLedger.open({ queueTransfersMax: 1 });
  await stage.apply(stage.order(), stage.order());
  expect(stage.events.answers.map(([, answer]) => answer instanceof Problem && answer.code)).toEqual([
    'overloaded',
    'overloaded',
  ]);
});

it('the ledger reports a transfer with durability persisted once its wait is over, with the final answer', async () => {
  const stage = await ModelLedger.open();
  const order = stage.order();
  const waiting = stage.ledger.apply([order], 'persisted');
  await stage.clock.until(stage.ledger.read(['a']));
  expect(stage.events.answers).toEqual([]);
  const [answer] = await stage.clock.until(waiting);
  expect(stage.events.answers).toEqual([[order, answer]]);
});
