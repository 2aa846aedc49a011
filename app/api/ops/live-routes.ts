import { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import { Timestamp } from '../schemas/fields.ts';
import type { OpsPort } from './ops-port.ts';

const LiveShard = z
  .object({
    shard: z.int(),
    mode: z.string().nullable().meta({ description: 'As this pod last read it; null until it has been read.' }),
    epoch: z.int().nullable(),
    stopped: z.boolean(),
    open: z.boolean().meta({ description: 'Whether this pod accepts changes in the shard.' }),
    seq: z
      .int()
      .nullable()
      .meta({ description: 'The last outcome in the journal of the epoch, by any pod; null in direct mode.' }),
    cursor: z.int().nullable().meta({ description: 'The last outcome that MySQL has.' }),
    oldestUnflushedMs: z
      .int()
      .meta({ description: 'How long the oldest outcome that this pod keeps has been waiting for the flush.' }),
    queuedTransfers: z.int(),
    complaints: z.array(z.string()).meta({ description: 'Why this pod cannot serve the shard.' }),
  })
  .meta({ id: 'OpsLiveShard' });

const LatencyBucket = z.object({ leSeconds: z.number().nullable(), count: z.int() }).meta({ id: 'LatencyBucket' });

const OpsLive = z
  .object({
    at: Timestamp,
    processId: z.string(),
    transferRequests: z.array(LatencyBucket).meta({
      description:
        'How many requests for transfers, groups and holds, counted since this pod was started, were answered in at most `leSeconds`; null: regardless of the time taken. The difference between two reports of a pod shows the latencies in between.',
    }),
    shards: z.array(LiveShard),
  })
  .meta({ id: 'OpsLive' });

export function liveRoutes({ ops }: { ops: OpsPort }): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/ops/live',
      scopes: ['ops'],
      tag: 'Operations',
      summary: 'Read what this pod knows at the moment, without asking a store',
      description: 'Cheap enough to be called every second. `GET /v1/ops/status` has the state of the whole ledger.',
      answers: { 200: { description: 'The state of this pod', schema: OpsLive } },
      problems: [],
      handle: async () => ({ status: 200, body: await ops.live() }),
    }),
  ];
}
