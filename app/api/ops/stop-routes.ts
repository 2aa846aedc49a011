import type { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import type { OpsPort } from './ops-port.ts';
import { LedgerStop, ReleaseRequest, StopRequest } from './stop-schema.ts';

const tag = 'Operations';

/** The emergency stop. */
export function stopRoutes({ ops }: { ops: OpsPort }): Route[] {
  return [readStop(ops), change(ops, true), change(ops, false)];
}

function readStop(ops: OpsPort): Route {
  return route({
    method: 'GET',
    path: '/v1/ops/stop',
    scopes: ['ops'],
    tag,
    summary: 'Read whether the ledger is stopped, and by whom',
    answers: { 200: { description: 'The current state, and the latest stops and releases', schema: LedgerStop } },
    problems: ['database_unavailable'],
    handle: async () => ({ status: 200, body: await ops.stop() }),
  });
}

function change(ops: OpsPort, stopped: boolean): Route {
  const schema: z.ZodType<{ reason: string; number?: number | undefined }> = stopped ? StopRequest : ReleaseRequest;
  return route({
    method: 'POST',
    path: stopped ? '/v1/ops/stop' : '/v1/ops/release',
    scopes: ['ops'],
    tag,
    summary: stopped ? 'Stop all changes to the ledger at once' : 'Release a stopped ledger',
    description: stopped
      ? 'The emergency stop. Once the response has been sent, no pod makes a new transfer, hold or change of an account, whatever the mode and in all shards: such requests get `ledger_stopped`, which proves that they changed nothing. ' +
        'Reads continue, a request whose id already has an outcome gets that outcome, and the flush and the recovery of an epoch continue. The stop remains in force through restarts of all processes and the loss of Redis, until it is released. Repeating the request changes nothing.'
      : 'Ends the emergency stop. Repeating the request changes nothing; with `number`, it cannot end a later stop.',
    body: {
      schema,
      example: { reason: stopped ? 'Wrong prices since 09:40, see incident 4711.' : 'The prices are corrected.' },
    },
    answers: {
      200: { description: 'All stores obey', schema: LedgerStop },
      202: {
        description:
          'Recorded, but a store did not confirm it in time; the pods keep trying. Repeat the request until the response is 200',
        schema: LedgerStop,
      },
    },
    problems: [...(stopped ? [] : (['authority_moved'] as const)), 'database_unavailable', 'outcome_unknown'],
    handle: async ({ body, identity, correlationId }) => {
      const by = { user: identity.user, reason: body.reason, correlationId };
      const report = await ops.setStopped(stopped, by, body.number);
      const isDone = report.enforced && report.stopped === stopped;
      return { status: isDone ? 200 : 202, body: report };
    },
  });
}
