import { z } from 'zod';
import { ACCOUNT_ID_PATTERN } from '../../domain/ids.ts';
import { Problem, type ProblemCode } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { EVENT_TYPES, type EventType, type Feed, type FeedFilter, type FeedStart } from '../../ledger/ports/feed.ts';
import { formatPosition } from '../../ledger/ports/feed-position.ts';
import { LIST_MAX } from '../http/json-body.ts';
import { type Call, type Route, route } from '../http/route.ts';
import { invalid } from '../http/validation.ts';
import { LIMIT_DEFAULT, ListLimit } from '../schemas/fields.ts';
import { startOf } from './event-cursor.ts';
import { EVENT_EXAMPLE } from './event-example.ts';
import { EventPage } from './event-schema.ts';
import { EVENT_STREAM, eventStream } from './event-stream.ts';

interface EventDependencies {
  feed: Feed;
  clock: Clock;
}

const ACCOUNTS_MAX = 20;

const list = (text: string): ReadonlySet<string> => new Set(text.split(','));
const isType = (type: string): type is EventType => (EVENT_TYPES as readonly string[]).includes(type);

const filter = {
  account: z
    .string()
    .transform(list)
    .refine(
      (accounts) => accounts.size <= ACCOUNTS_MAX && [...accounts].every((id) => ACCOUNT_ID_PATTERN.test(id)),
      `must be 1 to ${ACCOUNTS_MAX} account ids, separated by commas`,
    )
    .optional()
    .meta({
      type: 'string',
      description: `Only events of these accounts: up to ${ACCOUNTS_MAX} ids, separated by commas.`,
    }),
  type: z
    .string()
    .transform(list)
    .refine((types): types is ReadonlySet<EventType> => [...types].every(isType), 'must be event types')
    .optional()
    .meta({
      type: 'string',
      description: `Only events of these types, separated by commas: ${EVENT_TYPES.map((type) => `\`${type}\``).join(', ')}.`,
    }),
};
const details = z.enum(['true', 'false']).optional().meta({
  description:
    'With `true`, the events also have `reference`, `metadata`, `user`, `correlationId` and the names of accounts, unless they have been erased.',
});
const after = (byDefault: string) =>
  z
    .string()
    .optional()
    .meta({ description: `A position from an earlier response, \`oldest\` or \`latest\`. Defaults to ${byDefault}.` });

const StreamQuery = z.strictObject({
  ...filter,
  details,
  after: after('`latest`, or `Last-Event-ID`, which takes precedence'),
});
const PageQuery = z.strictObject({
  ...filter,
  details,
  after: after('`oldest`'),
  limit: ListLimit.meta({ description: `Maximum number of events in the page, at most ${LIST_MAX}.` }),
});

const LAST_EVENT_ID = z.object({
  'Last-Event-ID': z
    .string()
    .optional()
    .meta({ description: 'The `id` of the last block that was received; the stream resumes after it.' }),
});

const PROBLEMS: readonly ProblemCode[] = [
  'events_gone',
  'feature_not_active',
  'ledger_switching',
  'database_unavailable',
];

export function eventRoutes(deps: EventDependencies): Route[] {
  return [streamEvents(deps), pageOfEvents(deps)];
}

function streamEvents({ feed, clock }: EventDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/events',
    scopes: ['balances:read'],
    tag: 'Events',
    summary: 'Receive everything that happens, as Server-Sent Events',
    description:
      'Each block has an `id`, after which the stream can be resumed, and one `Event` (a CloudEvent 1.0 in JSON) as `data`. Events are sent once they are in MySQL. The stream contains exactly the events that were committed, for each account in the order of its versions, and has no gap after a reconnection with `Last-Event-ID`. Every 15 seconds, the server sends a comment with a new `id`.\n\nBefore the server ends a stream, it sends `event: end` with a `reason`: `shutting_down`, `reconnect` (streams last up to 15 minutes), `too_slow` (nothing was read for 20 seconds), `failed`, or `credentials` (expired or revoked). Connect again after `retry` milliseconds, except after `credentials`.',
    query: StreamQuery,
    headers: LAST_EVENT_ID,
    isLive: true,
    answers: {
      200: {
        description: 'A stream of events, which stays open',
        contents: { [EVENT_STREAM]: EVENT_EXAMPLE },
        headers: { 'X-Accel-Buffering': '`no`: proxies must not buffer the stream.' },
      },
    },
    problems: [...PROBLEMS, 'too_many_listeners', 'shutting_down'],
    async handle({ query, header }) {
      const wanted = filterOf(query);
      const from = await beginning(feed, wanted, startIn(query.after, header, feed));
      return {
        status: 200,
        headers: { 'Cache-Control': 'no-store, no-transform', 'X-Accel-Buffering': 'no' },
        live: eventStream({ clock, from, subscribe: (sink) => feed.subscribe(from, wanted, sink) }),
      };
    },
  });
}

function pageOfEvents({ feed }: EventDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/events/page',
    scopes: ['balances:read'],
    tag: 'Events',
    summary: 'Read events page by page',
    description:
      'The events of `/v1/events`, for clients that poll. Send `nextCursor` as `after` with the same filters; when `caughtUp` is true, wait a moment. A page examines at most 10,000 entries of the log, so with a filter it can have fewer items than `limit`, or none, although there are more.',
    query: PageQuery,
    answers: { 200: { description: 'A page of events, oldest first', schema: EventPage } },
    problems: PROBLEMS,
    async handle({ query }) {
      const { limit = LIMIT_DEFAULT } = query;
      const start = startOf(query.after ?? 'oldest', feed.shards, '/after');
      const page = await located('/after', () => feed.page(start, filterOf(query), limit));
      // The events are JSON already.
      const items = page.events.map((event) => event.json()).join(',');
      const rest = JSON.stringify({ nextCursor: formatPosition(page.next), caughtUp: page.caughtUp }).slice(1);
      return { status: 200, content: { type: 'application/json', data: `{"items":[${items}],${rest}` } };
    },
  });
}

const filterOf = (query: Pick<z.output<typeof PageQuery>, 'account' | 'type' | 'details'>): FeedFilter => ({
  accounts: query.account ?? null,
  types: query.type ?? null,
  details: query.details === 'true',
});

interface Start {
  start: FeedStart;
  pointer: string;
}

/** Browsers reconnect to the original URL and add the header, so the header takes precedence. */
function startIn(given: string | undefined, header: Call['header'], feed: Feed): Start {
  const lastId = header('last-event-id');
  const pointer = lastId ? '/Last-Event-ID' : '/after';
  return { start: startOf(lastId || (given ?? 'latest'), feed.shards, pointer), pointer };
}

const beginning = (feed: Feed, wanted: FeedFilter, { start, pointer }: Start) =>
  located(pointer, () => feed.begin(start, wanted));

/** If the feed rejects the position, the problem names the parameter that contained it. */
async function located<T>(pointer: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'validation_failed') throw error;
    throw invalid([{ pointer, detail: error.message }]);
  }
}
