import { z } from 'zod';

/** Deliberately loose: the status grows over time, and programs should not depend on its shape. */
export const OpsStatus = z.looseObject({}).meta({
  id: 'OpsStatus',
  description:
    'Mode, epoch, rule format, processes of an older release, cursor, length and age of the journal, progress of an epoch recovery, owner of Redis (in `DIRECT`), pods, keepers, frozen accounts with the reason, clock offset, breakers, and whether an operator has stopped the ledger (`stopped`). With several shards: `mode` is that of all of them, or `MIXED`, and `shards` has the status of each.',
});

export const Reconciliation = z.looseObject({}).meta({
  id: 'Reconciliation',
  description: 'What was compared, and any differences.',
});

export const Audit = z.looseObject({}).meta({
  id: 'Audit',
  description:
    'The length of the sealed log and its last hash (`log`), the latest self-check with at most 100 faults (`lastCheck`, null before the first one), when a self-check last completed without a fault (`lastSuccessAt`), and when all hashes were last walked (`hashesWalkedAt`). With several shards: `shards` has this for each.',
});

export const Unsettled = z.looseObject({}).meta({
  id: 'Unsettled',
  description:
    'What is waiting for a journal: pods that have not handed over their records (`undrainedPods`), frozen accounts and ids without a known outcome, plus what was dropped earlier. Each list has its total and at most 1,000 items; the list of dropped items also at most 1 MiB.',
});

const Shard = z
  .int()
  .min(0)
  .optional()
  .meta({ description: 'Number of the shard; required if the ledger has several shards.' });

export const Reason = z
  .string()
  .trim()
  .min(10)
  .max(200)
  .meta({ description: 'The reason, in a sentence; it is recorded with your name.' });

export const LossAcceptanceRequest = z
  .strictObject({
    shard: Shard,
    epoch: z.int().min(0).meta({
      description:
        'The epoch of the authority that `GET /v1/ops/unsettled` returned; the request is refused if it has changed since.',
    }),
    reason: Reason,
  })
  .meta({ id: 'LossAcceptanceRequest' });

export const RedisTakeoverRequest = z
  .strictObject({
    shard: Shard,
    owner: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .nullable()
      .meta({ description: '`redisOwner.owner` from `GET /v1/ops/status`; null if the Redis is unclaimed.' }),
    reason: Reason,
  })
  .meta({ id: 'RedisTakeoverRequest' });

export const RedisTakeover = z
  .object({ epoch: z.int().meta({ description: 'The current epoch of the authority.' }), mode: z.string() })
  .meta({ id: 'RedisTakeover' });

const OpenTransfer = z.object({ transactionId: z.string(), from: z.int(), to: z.int() }).meta({ id: 'OpenTransfer' });

export const LossAcceptance = z
  .object({
    epoch: z.int().meta({ description: 'The current epoch of the authority.' }),
    mode: z.string(),
    dropped: z.int().meta({
      description: 'Entries and attempts dropped so far; the table `dropped_entries` lists them.',
    }),
    done: z.boolean().meta({
      description: 'False while a keeper is still carrying out the decision; repeat the request to see its progress.',
    }),
    openTransfers: z.array(OpenTransfer).optional().meta({
      description:
        'With several shards: the transfers from and to this shard that were open before the loss was accepted, at most 1,000 for each pair of shards. Those to this shard are made again, or returned if their destination refuses them now.',
    }),
  })
  .meta({ id: 'LossAcceptance' });

export const FormatMoveRequest = z
  .strictObject({
    shard: Shard,
    epoch: z.int().min(0).meta({
      description: '`epoch` from `GET /v1/ops/status`; the request is refused if it has changed since.',
    }),
    dryRun: z.boolean().meta({ description: 'True: only report what would happen. False: move the ledger.' }),
    reason: Reason,
  })
  .meta({ id: 'FormatMoveRequest' });

export const FormatMove = z
  .object({
    warning: z.string().meta({ description: 'What cannot be undone.' }),
    from: z.int().meta({ description: 'The format before this request.' }),
    to: z.int().meta({ description: 'The format of this release.' }),
    epoch: z.int().meta({ description: 'The current epoch of the authority.' }),
    mode: z.string(),
    dryRun: z.boolean(),
    obstacles: z.array(z.string()).meta({ description: 'What prevents the move; empty if nothing does.' }),
    done: z.boolean().meta({ description: 'Whether the ledger is in the format `to`, and open.' }),
  })
  .meta({ id: 'FormatMove' });
