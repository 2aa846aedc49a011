import type { z } from 'zod';
import type { Identity, Scope } from '../../domain/identity.ts';
import type { ProblemCode } from '../../domain/problem.ts';
import type { LiveContent } from './live-responses.ts';
import type { StreamedContent } from './streams.ts';
import { invalidValue, KEY_HEADER, MESSAGES, refused, refuseIdempotencyKey } from './validation.ts';

/**
 * A route is a single object: what it accepts, what it returns, who may call it, and what it does. Dispatch, validation
 * and the OpenAPI document are all derived from it, so they cannot disagree.
 */
export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface Answer {
  status: number;
  /**
   * An object is sent as JSON, other content with its own type, and a stream while it is generated. The response of a
   * live route stays open. If all are absent, the response has no content.
   */
  body?: object;
  content?: { type: string; data: string | Buffer };
  stream?: StreamedContent;
  live?: LiveContent;
  headers?: Readonly<Record<string, string>>;
}

/** The input of a handler, typed by the schemas of the route. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  params: Params;
  query: Query;
  body: Body;
  identity: Identity;
  correlationId: string;
  /** The path of the request, for problems within a batch. */
  path: string;
  /** A request header; the name must be in lower case. */
  header(name: string): string | undefined;
}

export interface BodyDefinition<Body extends z.ZodType> {
  schema: Body;
  /**
   * The schema that the OpenAPI document shows, if it is stricter than `schema`: for a batch, whose items are validated
   * one by one.
   */
  documented?: z.ZodType;
  /** Whether the body is a list of items, up to `BODY_BYTES_MAX`. Bodies of other routes are small. */
  isList?: true;
  /**
   * The example that `/docs` fills in. The request must succeed with the accounts of `npm start` (devstack/demo.mjs).
   */
  example: z.input<Body>;
  /** A missing body, or null, counts as `{}`. */
  optional?: boolean;
}

export interface AnswerDefinition {
  description: string;
  schema?: z.ZodType;
  contentType?: string;
  /** The content types, each with an example, if there are several. */
  contents?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
}

interface RouteDescription {
  method: Method;
  /** `/v1/accounts/{id}` */
  path: `/${string}`;
  /** One of these scopes is sufficient; an empty list makes the route public. */
  scopes: readonly Scope[];
  /**
   * How a caller's restriction to some accounts is enforced: `path` if the `{id}` in the path is the only account that
   * the request names, and everything that is returned belongs to it; `handler` if the handler checks every account. If
   * absent, a restricted caller gets 403.
   */
  accounts?: 'path' | 'handler';
  tag: string;
  summary: string;
  description?: string;
  headers?: z.ZodObject;
  /** The handler reads the Idempotency-Key; all other routes reject it. */
  takesIdempotencyKey?: true;
  /** The response stays open; see `LiveResponses`. */
  isLive?: true;
  answers: Readonly<Record<number, AnswerDefinition>>;
  /** Problems in addition to those that every route of this kind can return. */
  problems: readonly ProblemCode[];
  /** Omits the route from the OpenAPI document; for the files behind a page. */
  undocumented?: boolean;
}

export interface RouteDefinition<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>
  extends RouteDescription {
  params?: Params;
  query?: Query;
  body?: BodyDefinition<Body>;
  handle(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): Answer | Promise<Answer>;
}

/** A route as the dispatcher sees it; the route applies its own schemas. */
export interface Route extends RouteDescription {
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: BodyDefinition<z.ZodType>;
  handle(call: Call): Answer | Promise<Answer>;
}

export function route<
  Params extends z.ZodObject = z.ZodObject,
  Query extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodUnknown,
>(definition: RouteDefinition<Params, Query, Body>): Route {
  const { params, query, body } = definition;
  return {
    ...definition,
    handle(call) {
      if (!definition.takesIdempotencyKey) refuseIdempotencyKey(call);
      // Without a schema, the type is unknown and the value is passed through.
      return definition.handle({
        ...call,
        params: (params ? validate(params, call.params) : call.params) as z.output<Params>,
        query: (query ? validate(query, call.query) : call.query) as z.output<Query>,
        body: (body ? validate(body.schema, orEmpty(call.body, body)) : call.body) as z.output<Body>,
      });
    },
  };
}

function orEmpty(value: unknown, { optional }: BodyDefinition<z.ZodType>): unknown {
  return optional ? (value ?? {}) : value;
}

/** The value, typed by the schema. @throws Problem validation_failed that names each invalid field */
export function validate<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value, MESSAGES);
  if (result.success) return result.data;
  throw invalidValue(result.error);
}

const QUOTED = /^"([^"\\]*)"$/;

/**
 * The Idempotency-Key of a request, validated by the schema `id`; null when there is none. @throws Problem
 * validation_failed
 */
export function idempotencyKeyOf(call: Pick<Call, 'header'>, id: z.ZodType<string>): string | null {
  const value = call.header(KEY_HEADER);
  if (value === undefined) return null;
  const parsed = id.safeParse(QUOTED.exec(value)?.[1] ?? value);
  if (!parsed.success) throw refused(parsed.error.issues[0]?.message ?? 'is not valid');
  return parsed.data;
}

export type PathParams = Readonly<Record<string, string>>;
export type Match = { route: Route; params: PathParams } | { allow: readonly string[] };

interface Pattern {
  route: Route;
  /** Literal segments; null for parameters. */
  segments: readonly (string | null)[];
  names: readonly string[];
}

const NO_PARAMS: PathParams = Object.freeze({});
const SEGMENTS_MAX = 8;

/**
 * Finds the route of a request. Hand-written, because matching twenty regular expressions in turn (@koa/router) took 5
 * to 7 µs of the 60 µs that a transfer may take on one core: paths without parameters take one lookup, the others
 * compare segments.
 */
export class RouteTable {
  readonly routes: readonly Route[];
  readonly #fixed = new Map<string, Route>();
  readonly #patterns = new Map<string, Pattern[]>();

  constructor(routes: readonly Route[]) {
    this.routes = routes;
    for (const route of routes) this.#add(route);
  }

  /**
   * The route and its decoded parameters; otherwise the methods that the path supports (none if the path does not
   * exist).
   */
  match(method: string, path: string): Match {
    const found = this.#find(method, path);
    if (found) return found;
    const methods: Method[] = ['GET', 'POST', 'PATCH', 'DELETE'];
    const allow = methods.filter((other) => this.#find(other, path));
    return { allow: allow.includes('GET') ? ['HEAD', ...allow] : allow };
  }

  #add(route: Route): void {
    const segments = route.path.split('/').map((segment) => (segment.startsWith('{') ? null : segment));
    if (!segments.includes(null)) {
      this.#fixed.set(`${route.method} ${route.path}`, route);
      return;
    }
    const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
    const key = `${route.method} ${segments.length}`;
    this.#patterns.set(key, [...(this.#patterns.get(key) ?? []), { route, segments, names }]);
  }

  #find(requestMethod: string, path: string): { route: Route; params: PathParams } | null {
    const method = requestMethod === 'HEAD' ? 'GET' : requestMethod;
    const fixed = this.#fixed.get(`${method} ${path}`);
    if (fixed) return { route: fixed, params: NO_PARAMS };
    const segments = path.split('/', SEGMENTS_MAX + 1);
    for (const pattern of this.#patterns.get(`${method} ${segments.length}`) ?? []) {
      const params = matchPattern(pattern, segments);
      if (params) return { route: pattern.route, params };
    }
    return null;
  }
}

function matchPattern({ segments, names }: Pattern, path: readonly string[]): PathParams | null {
  const params: Record<string, string> = {};
  let taken = 0;
  for (const [i, value] of path.entries()) {
    const literal = segments[i];
    if (literal === value) continue;
    if (literal !== null || value === '') return null;
    params[names[taken++] ?? ''] = value.includes('%') ? decode(value) : value;
  }
  return params;
}

/** Undecodable text is left unchanged: no id contains a `%`, so validation rejects it with the field's name. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
