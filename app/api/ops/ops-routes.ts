import { type Route, route } from '../http/route.ts';
import type { OpsPort } from './ops-port.ts';
import {
  Audit,
  FormatMove,
  FormatMoveRequest,
  LossAcceptance,
  LossAcceptanceRequest,
  OpsStatus,
  Reconciliation,
  RedisTakeover,
  RedisTakeoverRequest,
  Unsettled,
} from './ops-schema.ts';

interface OpsDependencies {
  ops: OpsPort;
}

const tag = 'Operations';

export function opsRoutes(deps: OpsDependencies): Route[] {
  return [
    readStatus(deps),
    readAudit(deps),
    reconcile(deps),
    listUnsettled(deps),
    acceptLoss(deps),
    takeRedisOver(deps),
    moveFormat(deps),
  ];
}

function readStatus({ ops }: OpsDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/ops/status',
    scopes: ['ops'],
    tag,
    summary: 'Read the status of the ledger',
    answers: { 200: { description: 'The status', schema: OpsStatus } },
    problems: ['database_unavailable'],
    handle: async () => ({ status: 200, body: await ops.status() }),
  });
}

function readAudit({ ops }: OpsDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/ops/audit',
    scopes: ['ops'],
    tag,
    summary: 'Read the end of the sealed log, and the result of its latest self-check',
    answers: { 200: { description: 'The sealed log and its latest self-check', schema: Audit } },
    problems: ['database_unavailable'],
    handle: async () => ({ status: 200, body: await ops.audit() }),
  });
}

function reconcile({ ops }: OpsDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/ops/reconciliations',
    scopes: ['ops'],
    tag,
    summary: 'Reconcile the books now',
    answers: { 200: { description: 'Run a reconciliation now', schema: Reconciliation } },
    problems: ['ledger_switching', 'ledger_closed', 'overloaded', 'database_unavailable'],
    handle: async () => ({ status: 200, body: await ops.reconcile() }),
  });
}

function listUnsettled({ ops }: OpsDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/ops/unsettled',
    scopes: ['ops'],
    tag,
    summary: 'List what is waiting for a journal, and why',
    answers: {
      200: {
        description: 'Pods that have not handed over their records, frozen accounts, ids in doubt',
        schema: Unsettled,
      },
    },
    problems: ['database_unavailable'],
    handle: async () => ({ status: 200, body: await ops.unsettled() }),
  });
}

function acceptLoss({ ops }: OpsDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/ops/loss-acceptances',
    scopes: ['ops'],
    tag,
    summary: 'Accept the loss of missing transfers and reopen the ledger',
    description:
      'The last resort for a Redis that is permanently lost. Transfers that the pods have handed over are applied as far as they can ' +
      'be shown to follow from the ledger in MySQL; the rest is dropped and recorded with your name and reason. This cannot be undone. If nothing is missing, the response is 409 and nothing changes.',
    body: {
      schema: LossAcceptanceRequest,
      example: { epoch: 7, reason: 'The disk of the old Redis is lost, see incident 4711.' },
    },
    answers: {
      200: { description: 'The loss is accepted, and the ledger is open', schema: LossAcceptance },
      202: {
        description: 'The loss is accepted, and a keeper is applying it: see `recovery` in `GET /v1/ops/status`',
        schema: LossAcceptance,
      },
    },
    problems: ['authority_moved', 'database_unavailable'],
    handle: async ({ body, identity }) => {
      const accepted = await ops.acceptLoss(body, identity.user);
      return { status: accepted.done ? 200 : 202, body: accepted };
    },
  });
}

function takeRedisOver({ ops }: OpsDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/ops/redis-takeovers',
    scopes: ['ops'],
    tag,
    summary: 'Take over a Redis that belongs to another ledger',
    description:
      'For a Redis whose ledger is permanently gone, or whose keys were left by an older release. Transfers that the other ledger has ' +
      'not flushed to its MySQL are deleted when this ledger starts using the Redis. Stop the other installation first. Possible only in mode `DIRECT` while nothing is waiting for a journal; otherwise the response is 409 and nothing changes.',
    body: {
      schema: RedisTakeoverRequest,
      example: {
        owner: '4f1d2c3b5a69788796a5b4c3d2e1f001',
        reason: 'The other ledger was shut down for good on Monday.',
      },
    },
    answers: { 200: { description: 'The Redis now belongs to this ledger', schema: RedisTakeover } },
    problems: ['authority_moved', 'ledger_switching', 'database_unavailable'],
    handle: async ({ body, identity }) => ({ status: 200, body: await ops.takeRedisOver(body, identity.user) }),
  });
}

function moveFormat({ ops }: OpsDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/ops/format',
    scopes: ['ops'],
    tag,
    summary: 'Move the ledger to the rule format of this release',
    description:
      'This cannot be undone: afterwards, a release that supports only the older format can neither change nor serve this ledger. With `dryRun: true`, ' +
      'nothing changes, and the response states whether the move would succeed, and what prevents it. Without it, if something prevents the move, the response is 409, and nothing changes. The move is prevented by a process of an older release that has sent a heartbeat within the last minute, accounts that wait for a journal, or an authority that is moving. ' +
      'Transfers are held while the last epoch of the older format is being recovered, as in a switch-over. Repeating the request afterwards changes nothing.',
    body: {
      schema: FormatMoveRequest,
      example: { epoch: 7, dryRun: true, reason: 'Every pod and keeper has run 0.2.0 since Monday.' },
    },
    answers: {
      200: {
        description:
          'With `dryRun: true`, what would happen. Otherwise: the ledger is open in the format of this release, and no request gets `feature_not_active`',
        schema: FormatMove,
      },
      202: {
        description: 'The format has changed, and keepers are recovering the last epoch of the older one',
        schema: FormatMove,
      },
    },
    problems: ['authority_moved', 'database_unavailable'],
    handle: async ({ body, identity }) => {
      const moved = await ops.moveFormat(body, identity.user);
      return { status: moved.dryRun || moved.done ? 200 : 202, body: moved };
    },
  });
}
