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
  const direct = session.direct();
  for (const view of await reader.read(accountIds)) {
    if (view instanceof Problem) throw view;
    const { accountId } = view;
    if (view.stale) throw staleProblem(session, direct, `account ${accountId}`, () => unsettledAccount(accountId));
    accounts.set(accountId, view);
  }
  return accounts;
}

/**
 * The Problem for data that may not be current. If the data is not current although MySQL decides, the reason is that
 * the account waits for a journal. Otherwise, the authority is moving or the cache has failed, and the next read may be
 * current.
 * @param direct `session.direct()` before the data was read @param unsettled the error to return if the account waits
 * for a journal
 */
export function staleProblem(
  session: Session,
  direct: number | null,
  what: string,
  unsettled = (): Problem => new Problem('account_unsettled', `${what} waits for the journal of the cache`),
): Problem {
  if (direct !== null && session.direct() === direct) return unsettled();
  const works = session.view() !== null || session.direct() !== null;
  const reason = works ? 'ledger_switching' : session.holdReason();
  return new Problem(reason, `the current state of ${what} is not known at the moment`);
}
