import type {
  AccountQuery,
  FoundAccount,
  FoundPage,
  FoundTransfer,
  Search,
  TransferPlace,
  TransferQuery,
} from '../../ledger/ports/search.ts';

/** A search that returns what a test has put into it, for testing the shapes of the API. */
export class MemorySearch implements Search {
  transferPage: FoundPage<FoundTransfer, TransferPlace> = { items: [], next: null, asOf: 0 };
  accountPage: FoundPage<FoundAccount, string> = { items: [], next: null, asOf: 0 };
  /** The last query of each kind. */
  transferQuery: TransferQuery | null = null;
  accountQuery: AccountQuery | null = null;

  async transfers(query: TransferQuery): Promise<FoundPage<FoundTransfer, TransferPlace>> {
    this.transferQuery = query;
    return this.transferPage;
  }

  async accounts(query: AccountQuery): Promise<FoundPage<FoundAccount, string>> {
    this.accountQuery = query;
    return this.accountPage;
  }
}
