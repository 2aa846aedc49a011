import { z } from 'zod';
import { SCOPES } from '../../domain/identity.ts';
import { type Route, route } from '../http/route.ts';

const Caller = z
  .object({
    user: z.string().meta({ description: 'The user name that is recorded for the actions of the caller.' }),
    scopes: z.array(z.enum(SCOPES)),
    accountPrefixes: z
      .array(z.string())
      .nullable()
      .meta({ description: 'The caller may use only accounts whose ids begin with one of these; null: all accounts.' }),
  })
  .meta({ id: 'Caller' });

/** Lets a program show only what its user may do. */
export function callerRoute(): Route {
  return route({
    method: 'GET',
    path: '/v1/caller',
    scopes: SCOPES,
    // The response contains no data of any account.
    accounts: 'handler',
    tag: 'Console',
    summary: 'Read the user and the scopes of the credentials',
    answers: { 200: { description: 'The caller', schema: Caller } },
    problems: [],
    handle: ({ identity: { user, scopes, accountPrefixes } }) => ({
      status: 200,
      body: { user, scopes: [...scopes], accountPrefixes: accountPrefixes ?? null },
    }),
  });
}
