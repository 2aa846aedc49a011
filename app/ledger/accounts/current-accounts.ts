import { unsettledAccount } from '../../domain/account-problems.ts';
import { Problem } from '../../domain/problem.ts';
import type { AccountView } from '../../domain/types.ts';
import type { Session } from '../epoch/epoch-view.ts';
import type { AccountReader } from './account-reader.ts';

/** Reads accounts from the store that decides, for a preview. @throws Problem if one does not exist, or if no store decides */
export async function currentAccounts(
  { reader, session }: { reader: AccountReader; session: Session },
  accountIds: readonly string[],
): Promise<Map<string, AccountView>> {
  const accounts = new Map<string, AccountView>();
  for (const view of await reader.read(accountIds)) {
    if (view instanceof Problem) throw view;
    // While no store decides, the current state is unknown.
    if (view.stale) throw staleAccount(session, view.accountId);
    accounts.set(view.accountId, view);
  }
  return accounts;
}

function staleAccount(session: Session, accountId: string): Problem {
  const problem = staleProblem(session, `account ${accountId}`);
  return problem.code === 'account_unsettled' ? unsettledAccount(accountId) : problem;
}

/** The Problem for data that may not be current. */
export function staleProblem(session: Session, what: string): Problem {
  if (session.view() === null && session.direct() === null)
    return new Problem(session.holdReason(), `the current state of ${what} is not known at the moment`);
  return new Problem('account_unsettled', `${what} waits for the journal of the cache`);
}
