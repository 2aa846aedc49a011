import type { z } from 'zod';
import type { Identity, Scope } from '../../domain/identity.ts';
import type { ProblemCode } from '../../domain/problem.ts';
import { refuseIdempotencyKey } from './idempotency-key.ts';
import { validate } from './validation.ts';

/**
 * A route is a single object: what it accepts, what it returns, who may call it, and what it does. Dispatch, validation
 * and the OpenAPI document are all derived from it, so they cannot disagree.
 */
export type Method = 'GET' | 'POST' | 'PATCH';

export interface Answer {
  status: number;
  /** An object is sent as JSON; other content with its type. Absent: no content. */
  body?: object;
  content?: { type: string; data: string | Buffer };
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
   * What the OpenAPI document shows if that is more than `schema` checks: for a batch, whose items are validated one by
   * one.
   */
  documented?: z.ZodType;
  /** Whether the body is a list of items, up to `BODY_BYTES_MAX`. Bodies of other routes are small. */
  isList?: true;
  /** The example that `/docs` fills in. It must succeed with the accounts of `npm start` (devstack/demo.mjs). */
  example: z.input<Body>;
  /** A missing body, or null, counts as `{}`. */
  optional?: boolean;
}

export interface AnswerDefinition {
  description: string;
  schema?: z.ZodType;
  contentType?: string;
  headers?: Readonly<Record<string, string>>;
}

interface RouteDescription {
  method: Method;
  /** `/v1/accounts/{id}` */
  path: `/${string}`;
  /** One of them is sufficient; an empty list makes the route public. */
  scopes: readonly Scope[];
  tag: string;
  summary: string;
  description?: string;
  headers?: z.ZodObject;
  /** The handler reads the Idempotency-Key; all other routes reject it. */
  takesIdempotencyKey?: true;
  answers: Readonly<Record<number, AnswerDefinition>>;
  /** In addition to those that every route of its kind can return. */
  problems: readonly ProblemCode[];
  /** Omitted from the OpenAPI document: the files behind a page. */
  undocumented?: boolean;
}

export interface RouteDefinition<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>
  extends RouteDescription {
  params?: Params;
  query?: Query;
  body?: BodyDefinition<Body>;
  handle(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): Answer | Promise<Answer>;
}

/** A route as the dispatcher sees it: its own schemas are applied inside. */
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
