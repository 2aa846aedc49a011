import { Problem } from '../../domain/problem.ts';
import type { Tampering } from './model-pod.ts';

/** Sends a leg without waiting for MySQL, and claims that MySQL has it. */
export const claimedPersisted =
  (leg: string): Tampering =>
  ({ ledger }) => ({
    ledger: {
      ...ledger,
      apply: async (orders, durability) =>
        orders[0]?.leg?.name === leg
          ? (await ledger.apply(orders, 'cache')).map((answer) =>
              answer instanceof Problem ? answer : { ...answer, persisted: true },
            )
          : ledger.apply(orders, durability),
    },
  });

/** Runs something once, before the first leg with the given name is sent. */
export const beforeLegs =
  (actions: Readonly<Record<string, () => void>>): Tampering =>
  ({ ledger }) => {
    const left = new Map(Object.entries(actions));
    return {
      ledger: {
        ...ledger,
        apply: (orders, durability) => {
          const leg = orders[0]?.leg?.name ?? '';
          const action = left.get(leg);
          left.delete(leg);
          action?.();
          return ledger.apply(orders, durability);
        },
      },
    };
  };

/** Applies one tampering after another. */
export const both =
  (first: Tampering, second: Tampering): Tampering =>
  (shard, model) => {
    const tampered = { ...shard, ...first(shard, model) };
    return { ...tampered, ...second(tampered, model) };
  };
