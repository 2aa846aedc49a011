import { z } from 'zod';

/** Left open: what operators look at grows with what there is to look at, and programs should not build on it. */
export const OpsStatus = z.looseObject({}).meta({
  id: 'OpsStatus',
  description:
    'Mode, epoch, cursor, journal length and age, how far the recovery of an ended epoch has come, pods, keepers, frozen accounts and why, breakers.',
});

export const Reconciliation = z.looseObject({}).meta({
  id: 'Reconciliation',
  description: 'What was compared, and what did not agree.',
});

export const Unsettled = z.looseObject({}).meta({
  id: 'Unsettled',
  description: 'What waits for a journal: pods that have not drained, frozen accounts, ids without a known outcome.',
});

export const LossAcceptanceRequest = z
  .strictObject({
    epoch: z.int().min(0).meta({
      description:
        'The epoch of the authority as `GET /v1/ops/unsettled` showed it: nothing is accepted that was not looked at.',
    }),
    reason: z.string().trim().min(10).max(200).meta({ description: 'Why, in a sentence; it is kept with your name.' }),
  })
  .meta({ id: 'LossAcceptanceRequest' });

export const RedisTakeoverRequest = z
  .strictObject({
    owner: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .nullable()
      .meta({ description: '`redisOwner.owner` as `GET /v1/ops/status` showed it; null when nobody has claimed it.' }),
    reason: z.string().trim().min(10).max(200).meta({ description: 'Why, in a sentence; it is kept with your name.' }),
  })
  .meta({ id: 'RedisTakeoverRequest' });

export const RedisTakeover = z
  .object({ epoch: z.int().meta({ description: 'The epoch of the authority now.' }), mode: z.string() })
  .meta({ id: 'RedisTakeover' });

export const LossAcceptance = z
  .object({
    epoch: z.int().meta({ description: 'The epoch of the authority now.' }),
    mode: z.string(),
    dropped: z.int().meta({
      description: 'How many entries and attempts were given up so far; the table `dropped_entries` has each.',
    }),
    done: z
      .boolean()
      .meta({ description: 'False while a keeper still carries it out; the same request then says how far it is.' }),
  })
  .meta({ id: 'LossAcceptance' });
