import type { z } from 'zod';
import { isOperator } from '../../domain/identity.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Feed, FeedFilter } from '../../ledger/ports/feed.ts';
import { formatPosition, isAhead, startOf } from '../../ledger/ports/feed-position.ts';
import type { Webhooks } from '../../ledger/ports/webhooks.ts';
import { type Call, idempotencyKeyOf, type Route, route } from '../http/route.ts';
import { IdempotencyKeyHeader, invalid, refused } from '../http/validation.ts';
import { LIMIT_DEFAULT } from '../schemas/fields.ts';
import {
  DeliveriesQuery,
  DeliveryList,
  deliveryAnswer,
  IssuedWebhookAnswer,
  issuedAnswer,
  overlapOf,
  SecretId,
  WebhookAnswer,
  WebhookChangeRequest,
  WebhookId,
  WebhookList,
  WebhookReplayRequest,
  WebhookRequest,
  WebhookRotationRequest,
  WebhooksQuery,
  webhookAnswer,
  webhookParams,
} from './webhook-schema.ts';

interface WebhookDependencies {
  webhooks: Webhooks;
  /** Why nothing may be sent to a URL; null if sending is allowed. */
  webhookUrlFault(href: string): string | null;
  feed: Feed;
  /** This pod's estimate of the ledger's time, ms since 1970. */
  ledgerNow: () => number;
}

/** Webhooks of `npm start` for users of /docs: one to use, and one to delete. */
const DEMO = { use: '019b7650-2c00-7000-8000-000000000009', remove: '019b7650-2c00-7000-8000-00000000000a' };

/** The handlers check which webhooks and accounts the caller may use. */
const common = { tag: 'Webhooks', scopes: ['webhooks:write', 'ops'], accounts: 'handler' } as const;
const PROBLEMS = ['webhook_not_found', 'webhooks_disabled', 'database_unavailable'] as const;
const POSITION_PROBLEMS = ['events_gone', 'feature_not_active', 'ledger_switching'] as const;
/** A position has a place in every shard, whatever the filter, because the filter can be changed. */
const ALL: FeedFilter = { accounts: null, types: null, details: false };

export function webhookRoutes(deps: WebhookDependencies): Route[] {
  return [
    createWebhook(deps),
    listWebhooks(deps),
    readWebhook(deps),
    changeWebhook(deps),
    removeWebhook(deps),
    rotateSecret(deps),
    testWebhook(deps),
    replay(deps),
    resume(deps),
    listDeliveries(deps),
  ];
}

function createWebhook({ webhooks, webhookUrlFault, feed, ledgerNow }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'POST',
    path: '/v1/webhooks',
    summary: 'Send events to a URL',
    description:
      'Events are sent in batches (`application/cloudevents-batch+json`), in order, signed as Standard Webhooks specifies. Each batch is repeated until the receiver answers with 2xx. The receiver gets events that may contain balances. The response contains the secret of the signatures, which is shown only once.',
    headers: IdempotencyKeyHeader(
      'The `webhookId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes.',
    ),
    takesIdempotencyKey: true,
    body: {
      schema: WebhookRequest,
      example: {
        url: 'https://hooks.example/holdfast',
        accounts: ['demo-nobody'],
        types: ['holdfast.transfer.posted'],
      },
    },
    answers: {
      201: { description: 'Created', schema: IssuedWebhookAnswer },
      200: {
        description: 'The same webhook was already created; its secret is not shown again',
        schema: IssuedWebhookAnswer,
      },
    },
    problems: [
      'webhook_id_reused',
      'too_many_webhooks',
      'webhooks_disabled',
      'database_unavailable',
      ...POSITION_PROBLEMS,
    ],
    async handle(call) {
      const { body } = call;
      const { after = null, description = null, accounts = null, types = null } = body;
      const webhookId = idOf(call, '/webhookId', body.webhookId, WebhookId, ledgerNow());
      const url = urlOf(body.url, webhookUrlFault);
      const position = await positionOf(feed, after ?? 'latest');
      const details = body.details ?? false;
      const wanted = { webhookId, url, description, accounts, types, details, after, position };
      return issuedAnswer(await webhooks.create(wanted, call));
    },
  });
}

function listWebhooks({ webhooks }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'GET',
    path: '/v1/webhooks',
    summary: 'List your webhooks',
    description: 'In the order of their ids. With the scope `ops`, the webhooks of all users.',
    query: WebhooksQuery,
    answers: { 200: { description: 'A page of webhooks', schema: WebhookList } },
    problems: ['webhooks_disabled', 'database_unavailable'],
    async handle({ query, identity }) {
      const { limit = LIMIT_DEFAULT } = query;
      const found = await webhooks.list(identity, query.cursor ?? '', limit + 1);
      const items = found.slice(0, limit);
      const nextCursor = found.length > limit ? (items.at(-1)?.webhookId ?? null) : null;
      return { status: 200, body: { items: items.map(webhookAnswer), nextCursor } };
    },
  });
}

function readWebhook({ webhooks }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'GET',
    path: '/v1/webhooks/{webhookId}',
    summary: 'Read a webhook, without its secrets',
    params: webhookParams(DEMO.use),
    answers: { 200: { description: 'The webhook', schema: WebhookAnswer } },
    problems: PROBLEMS,
    handle: async ({ params, identity }) => ({
      status: 200,
      body: webhookAnswer(await webhooks.get(params.webhookId, identity)),
    }),
  });
}

function changeWebhook({ webhooks, webhookUrlFault }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'PATCH',
    path: '/v1/webhooks/{webhookId}',
    summary: 'Change or pause a webhook',
    description: 'It continues at its position. A request in progress may still use the earlier settings.',
    params: webhookParams(DEMO.use),
    body: { schema: WebhookChangeRequest, example: { description: 'Changed in /docs' } },
    answers: { 200: { description: 'The webhook', schema: WebhookAnswer } },
    problems: PROBLEMS,
    async handle(call) {
      const { url, ...rest } = call.body;
      const change = { ...rest, ...(url !== undefined && { url: urlOf(url, webhookUrlFault) }) };
      const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
      const webhook = await webhooks.change(call.params.webhookId, given, call);
      return { status: 200, body: webhookAnswer(webhook) };
    },
  });
}

function removeWebhook({ webhooks }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'DELETE',
    path: '/v1/webhooks/{webhookId}',
    summary: 'Delete a webhook',
    description:
      'A request in progress may still arrive. Deleting a webhook that does not exist, or no longer exists, also succeeds.',
    params: webhookParams(DEMO.remove),
    answers: { 204: { description: 'The webhook no longer exists' } },
    problems: ['webhooks_disabled', 'database_unavailable'],
    async handle(call) {
      await webhooks.remove(call.params.webhookId, call);
      return { status: 204 };
    },
  });
}

function rotateSecret({ webhooks, ledgerNow }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'POST',
    path: '/v1/webhooks/{webhookId}/rotate',
    summary: 'Replace the secret of the signatures',
    description:
      'Until the overlap has passed, requests are signed with the old secrets, too. The response contains the new secret, which is shown only once. A webhook can have five valid secrets.',
    params: webhookParams(DEMO.use),
    headers: IdempotencyKeyHeader('The `secretId` for a body without one; if both are given, they must be equal.'),
    takesIdempotencyKey: true,
    body: { schema: WebhookRotationRequest, example: { overlapSeconds: 0 }, optional: true },
    answers: {
      201: { description: 'The webhook, with the new secret', schema: IssuedWebhookAnswer },
      200: {
        description: 'The same rotation was already made; the secret is not shown again',
        schema: IssuedWebhookAnswer,
      },
    },
    problems: [...PROBLEMS, 'too_many_secrets'],
    async handle(call) {
      const { body, params } = call;
      const secretId = idOf(call, '/secretId', body.secretId, SecretId, ledgerNow());
      return issuedAnswer(await webhooks.rotate(params.webhookId, { secretId, overlapS: overlapOf(body) }, call));
    },
  });
}

function testWebhook({ webhooks }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'POST',
    path: '/v1/webhooks/{webhookId}/test',
    summary: 'Send a test event',
    description:
      'An event of the type `holdfast.webhook.test` is sent once, even if the webhook is paused or stopped. The result is in the list of deliveries a moment later.',
    params: webhookParams(DEMO.use),
    answers: { 202: { description: 'It will be sent' } },
    problems: PROBLEMS,
    async handle(call) {
      await webhooks.test(call.params.webhookId, call);
      return { status: 202 };
    },
  });
}

function replay({ webhooks, feed }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'POST',
    path: '/v1/webhooks/{webhookId}/replay',
    summary: 'Send events again from an earlier position',
    description:
      'A position after the current one skips events. That requires the scope `ops`. A webhook that is stopped has to be resumed afterwards.',
    params: webhookParams(DEMO.use),
    body: { schema: WebhookReplayRequest, example: { after: 'oldest' } },
    answers: { 200: { description: 'The webhook at its new position', schema: WebhookAnswer } },
    problems: [...PROBLEMS, ...POSITION_PROBLEMS],
    async handle(call) {
      const { body, params, identity } = call;
      const { position: current } = await webhooks.get(params.webhookId, identity);
      const wanted = await positionOf(feed, body.after);
      if (!isOperator(identity) && isAhead(wanted, current, feed.shards))
        throw new Problem('forbidden', 'A position after the current one skips events. This requires the scope ops.');
      return { status: 200, body: webhookAnswer(await webhooks.moveTo(params.webhookId, wanted, call)) };
    },
  });
}

function resume({ webhooks }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'POST',
    path: '/v1/webhooks/{webhookId}/resume',
    summary: 'Resume deliveries that are stopped, paused, or waiting for the next attempt',
    description: 'It continues at its position. From then on, it stops if the API key of the caller is revoked.',
    params: webhookParams(DEMO.use),
    answers: { 200: { description: 'The webhook', schema: WebhookAnswer } },
    problems: PROBLEMS,
    handle: async (call) => ({
      status: 200,
      body: webhookAnswer(await webhooks.resume(call.params.webhookId, call)),
    }),
  });
}

function listDeliveries({ webhooks }: WebhookDependencies): Route {
  return route({
    ...common,
    method: 'GET',
    path: '/v1/webhooks/{webhookId}/deliveries',
    summary: 'List the latest attempts to deliver',
    description: 'Newest first: the last 200 that succeeded, and the last 300 that failed.',
    params: webhookParams(DEMO.use),
    query: DeliveriesQuery,
    answers: { 200: { description: 'A page of attempts', schema: DeliveryList } },
    problems: PROBLEMS,
    async handle({ params, query, identity }) {
      const { limit = LIMIT_DEFAULT } = query;
      const before = Number(query.cursor ?? Number.MAX_SAFE_INTEGER);
      const found = await webhooks.deliveries(params.webhookId, identity, before, limit + 1);
      const items = found.slice(0, limit);
      const nextCursor = found.length > limit ? String(items.at(-1)?.attempt) : null;
      return { status: 200, body: { items: items.map(deliveryAnswer), nextCursor } };
    },
  });
}

function idOf(
  call: Call,
  pointer: string,
  given: string | null | undefined,
  id: z.ZodType<string>,
  nowMs: number,
): string {
  const key = idempotencyKeyOf(call, id);
  if (key !== null && (given ?? key) !== key)
    throw refused(`must equal ${pointer} of the body, or one of the two must be omitted`);
  return given ?? key ?? newUuidV7(nowMs);
}

/** The URL in canonical form. @throws Problem validation_failed */
function urlOf(text: string, faultOf: (href: string) => string | null): string {
  const detail = faultOf(text);
  if (detail !== null) throw invalid([{ pointer: '/url', detail }]);
  return new URL(text).href;
}

/** @throws Problem validation_failed, events_gone, and those of the feed */
async function positionOf(feed: Feed, text: string): Promise<string> {
  const start = startOf(text, feed.shards);
  const detail = 'must be a position from an earlier response, `oldest` or `latest`';
  if (start === null || (typeof start !== 'string' && start.includes(null)))
    throw invalid([{ pointer: '/after', detail }]);
  try {
    return formatPosition(await feed.begin(start, ALL));
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'validation_failed') throw error;
    throw invalid([{ pointer: '/after', detail: error.message }]);
  }
}
