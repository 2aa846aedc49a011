import { anyObject, type Caller, type CallOptions, change, objectWith, read, segment, withQuery } from '../calls.ts';
import { listIn, pages } from '../streams/pages.ts';
import { openStatement, type Statement } from '../streams/statement.ts';
import type {
  Account,
  AccountChange,
  AccountFilters,
  AccountList,
  AccountOpening,
  AccountSettings,
  AccountSummary,
  Balance,
  BalanceAt,
  BalanceQueryAnswer,
  HoldEvent,
  HoldFilters,
  HoldList,
  LimitUsage,
  ListedHold,
  OpenedAccount,
  Posting,
  PostingFilters,
  PostingList,
  StatementPeriod,
} from '../types.ts';

const QUERY_ITEMS_MAX = 1000;

export class Accounts {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Opens an account; opening the same account again changes nothing.
   * @throws ProblemError (such as `account_id_reused`), NoAnswerError: nothing was changed; OutcomeUnknownError: call it
   * again
   */
  async open(request: AccountOpening, options: CallOptions = {}): Promise<OpenedAccount> {
    const { accountId } = request;
    const content = { method: 'POST', path: '/v1/accounts', body: JSON.stringify(request) } as const;
    return change(this.#caller, content, (body) => objectWith<OpenedAccount>(body, { accountId }), options);
  }

  /** @throws ProblemError `account_not_found` */
  async get(accountId: string, options: CallOptions = {}): Promise<Account> {
    return read(this.#caller, accountPath(accountId), (body) => objectWith<Account>(body, { accountId }), options);
  }

  /**
   * Changes status, overdraft limit or limits. With `settingsVersion`, only if nobody else has changed them since.
   * @throws ProblemError (such as `settings_version_mismatch`), NoAnswerError: nothing was changed; OutcomeUnknownError:
   * read the account
   */
  async change(
    accountId: string,
    settings: AccountChange,
    options: CallOptions & { settingsVersion?: number } = {},
  ): Promise<AccountSettings> {
    const { settingsVersion } = options;
    const path = accountPath(accountId);
    const headers = settingsVersion === undefined ? {} : { 'If-Match': `"${settingsVersion}"` };
    const accept = (body: unknown) => objectWith<AccountSettings>(body, { accountId });
    return change(this.#caller, { method: 'PATCH', path, body: JSON.stringify(settings), headers }, accept, options);
  }

  /** @throws ProblemError `account_not_found` */
  async balance(accountId: string, options: CallOptions = {}): Promise<Balance> {
    const path = `${accountPath(accountId)}/balance`;
    return read(this.#caller, path, (body) => objectWith<Balance>(body, { accountId }), options);
  }

  /** The balances of any number of accounts, in the order of the ids, and the ids that do not exist. */
  async balances(
    accountIds: readonly string[],
    options: CallOptions = {},
  ): Promise<{ items: Balance[]; missing: string[] }> {
    const items: Balance[] = [];
    const missing: string[] = [];
    for (let from = 0; from < accountIds.length; from += QUERY_ITEMS_MAX) {
      const body = JSON.stringify({ accountIds: accountIds.slice(from, from + QUERY_ITEMS_MAX) });
      const content = { method: 'POST', path: '/v1/balances/query', body } as const;
      const answer = await read<BalanceQueryAnswer>(this.#caller, content.path, anyObject, options, content);
      items.push(...answer.items);
      missing.push(...answer.missing);
    }
    return { items, missing };
  }

  /** The balance at a given time. @throws ProblemError `account_not_found` */
  async balanceAt(accountId: string, at: string | Date, options: CallOptions = {}): Promise<BalanceAt> {
    const path = withQuery(`${accountPath(accountId)}/postings`, { at: at instanceof Date ? at.toISOString() : at });
    return read(this.#caller, path, (body) => objectWith<BalanceAt>(body, { accountId }), options);
  }

  /** The limits, and how much of each is used. @throws ProblemError `account_not_found` */
  async limits(accountId: string, options: CallOptions = {}): Promise<LimitUsage> {
    return read<LimitUsage>(this.#caller, `${accountPath(accountId)}/limits`, anyObject, options);
  }

  /** The history, oldest first (or `order: 'desc'`), page after page as it is consumed. */
  postings(
    accountId: string,
    filters: PostingFilters = {},
    options: CallOptions = {},
  ): AsyncGenerator<Posting | HoldEvent, void, undefined> {
    return pages((cursor) => this.postingPage(accountId, { ...filters, cursor }, options));
  }

  /** One page of the history, for a screen with "back" and "next": see `nextCursor` and `previousCursor`. */
  async postingPage(
    accountId: string,
    filters: PostingFilters & { cursor?: string | undefined } = {},
    options: CallOptions = {},
  ): Promise<PostingList> {
    return read(this.#caller, withQuery(`${accountPath(accountId)}/postings`, filters), listIn<PostingList>, options);
  }

  /**
   * All accounts by id, page after page as they are consumed, if the service has search.
   * @throws ProblemError (such as `search_disabled`)
   */
  list(filters: AccountFilters = {}, options: CallOptions = {}): AsyncGenerator<AccountSummary, void, undefined> {
    const path = '/v1/accounts';
    return pages((cursor) => read(this.#caller, withQuery(path, { ...filters, cursor }), listIn<AccountList>, options));
  }

  /** The holds of an account by id, page after page as they are consumed. Refused holds are not included. */
  holds(
    accountId: string,
    filters: HoldFilters = {},
    options: CallOptions = {},
  ): AsyncGenerator<ListedHold, void, undefined> {
    const path = `${accountPath(accountId)}/holds`;
    return pages((cursor) => read(this.#caller, withQuery(path, { ...filters, cursor }), listIn<HoldList>, options));
  }

  /**
   * A statement of a period, as a stream of CSV or camt.053. The stream fails if it is cut off: what has been read by
   * then is incomplete.
   * @throws ProblemError, NoAnswerError
   */
  async statement(accountId: string, period: StatementPeriod, options: CallOptions = {}): Promise<Statement> {
    return openStatement(this.#caller, accountPath(accountId), period, options);
  }
}

const accountPath = (accountId: string) => `/v1/accounts/${segment(accountId)}`;
