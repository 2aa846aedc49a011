import type { Outcome } from '../../domain/types.ts';
import type { RestoredShard, SurvivingShard } from '../../ledger/ports/restored-shard.ts';
import type { ModelShard } from './model-shard.ts';

const found = <T>(ids: readonly string[], of: ReadonlyMap<string, T>): Map<string, T> =>
  new Map(
    ids.flatMap((id) => {
      const row = of.get(id);
      return row === undefined ? [] : [[id, row] as const];
    }),
  );

export const survivingModel = (model: ModelShard): SurvivingShard => ({
  outcomes: async (ids) => found(ids, model.mysql.outcomes),
  crossingsToward: async (toShard, afterId, limit) =>
    [...model.rows]
      .filter(([id, row]) => row.toShard === toShard && id > afterId)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([transactionId, { order, closing }]) => ({
        transactionId,
        state: closing?.state ?? 'OPEN',
        destination: order.leg?.destination ?? '',
        currency: order.currency,
        because: closing?.state === 'RETURNED' ? closing.because : null,
      })),
  reopen: async (ids) => {
    for (const id of ids) Object.assign(model.rows.get(id) ?? {}, { closing: null });
  },
  arrivalsFrom: async (fromShard, afterId, limit) =>
    [...model.mysql.outcomes.values()]
      .filter(({ order }) => order.leg?.name === 'in' && order.leg.otherShard === fromShard)
      .filter(({ order }: Outcome) => order.transactionId > afterId)
      .sort((a, b) => (a.order.transactionId < b.order.transactionId ? -1 : 1))
      .slice(0, limit),
});

export const restoredModel = (model: ModelShard): RestoredShard => ({
  outcomes: async (ids) => found(ids, model.mysql.outcomes),
  accounts: async (ids) => found(ids, model.mysql.accounts),
  open: async (accounts) => {
    for (const { name: _, ...account } of accounts)
      if (!model.mysql.accounts.has(account.accountId)) model.open(account.accountId, { ...account, limits: null });
  },
  apply: async (legs) => legs.map((leg) => model.decide(leg)),
  writeRefusals: async (refusals) => {
    for (const { order, because } of refusals) model.refuse(order, because);
  },
  close: (closings) => model.crossings.close(closings),
});
