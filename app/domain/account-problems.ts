import { isInnerAccount } from './crossing.ts';
import { TransitUnavailable } from './leg-rules.ts';
import { Problem } from './problem.ts';

/** Clients do not know inner accounts. If an inner account cannot be used, another one can be used or opened instead. */
export const notFound = (accountId: string): Problem =>
  isInnerAccount(accountId)
    ? new TransitUnavailable(accountId, 'missing')
    : new Problem('account_not_found', `account ${accountId} does not exist`);

export const unsettledAccount = (accountId: string): Problem =>
  isInnerAccount(accountId)
    ? new TransitUnavailable(accountId, 'unsettled')
    : new Problem('account_unsettled', `account ${accountId} waits for the journal of the cache`);
