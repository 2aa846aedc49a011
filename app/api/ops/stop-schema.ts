import { z } from 'zod';
import { Timestamp } from '../schemas/fields.ts';
import { Reason } from './ops-schema.ts';

export const StopRequest = z.strictObject({ reason: Reason }).meta({ id: 'StopRequest' });

export const ReleaseRequest = z
  .strictObject({
    reason: Reason,
    number: z.int().min(0).optional().meta({
      description:
        'The `number` that `GET /v1/ops/stop` returned. If the ledger has been stopped or released since then, the request is refused, so that a delayed release cannot end a later stop.',
    }),
  })
  .meta({ id: 'ReleaseRequest' });

const StopChange = z
  .object({
    number: z.int().meta({ description: 'From 1; odd for a stop, even for a release.' }),
    stopped: z.boolean(),
    at: Timestamp,
    by: z.string().meta({ description: 'The user name of the operator.' }),
    reason: z.string(),
    correlationId: z.string().nullable(),
  })
  .meta({ id: 'StopChange' });

const ShardProblem = z
  .object({ code: z.string(), detail: z.string() })
  .meta({ id: 'ShardProblem', description: 'Why the state of the shard is unknown.' });
const ShardStop = z
  .object({
    shard: z.int(),
    stopped: z.boolean().optional(),
    enforced: z.boolean().optional(),
    problem: ShardProblem.optional(),
  })
  .meta({ id: 'ShardStop' });

export const LedgerStop = z
  .object({
    stopped: z.boolean().meta({ description: 'With several shards: whether all of them are stopped.' }),
    enforced: z.boolean().meta({
      description:
        'Whether the stores that decide confirm the state. If false, a pod may still act on the previous one.',
    }),
    number: z.int().nullable().meta({
      description:
        'How many times the ledger has been stopped or released; with several shards, the sum, or null if one of them did not answer.',
    }),
    changes: z.array(StopChange).meta({
      description:
        'The latest stops and releases, at most 100, the most recent first; with several shards, those of shard 0.',
    }),
    olderProcesses: z.array(z.string()).meta({
      description: 'Processes of an older release, which do not obey a stop: terminate them.',
    }),
    shards: z.array(ShardStop).optional().meta({ description: 'With several shards: the state of each.' }),
  })
  .meta({ id: 'LedgerStop' });
