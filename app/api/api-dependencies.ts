import type { KeyManagement } from '../domain/api-keys.ts';
import type { BatchRecords } from '../ledger/ports/batch-records.ts';
import type { Feed } from '../ledger/ports/feed.ts';
import type { History } from '../ledger/ports/history.ts';
import type { HoldBooks, Holds } from '../ledger/ports/holds.ts';
import type { Books, Ledger } from '../ledger/ports/ledger.ts';
import type { ReturnedMoney } from '../ledger/ports/returned-money.ts';
import type { Search } from '../ledger/ports/search.ts';
import type { Webhooks } from '../ledger/ports/webhooks.ts';
import type { ReadinessReport } from './health/health-routes.ts';
import type { HttpDependencies } from './http/http-dependencies.ts';
import type { OpsPort } from './ops/ops-port.ts';

/** The dependencies of the API: those of the framework, and those of each resource. */
export interface ApiDependencies extends HttpDependencies {
  ledger: Ledger;
  books: Books;
  batches: BatchRecords;
  history: History;
  holds: Holds;
  holdBooks: HoldBooks;
  returnedMoney: ReturnedMoney;
  search: Search;
  feed: Feed;
  ops: OpsPort;
  keyManagement: KeyManagement;
  webhooks: Webhooks;
  /** Why nothing may be sent to a URL; null if sending is allowed. */
  webhookUrlFault(href: string): string | null;
  readiness: () => ReadinessReport;
  /** Absent if metrics have a separate port. */
  metrics?: { contentType: string; text(): Promise<string> };
  /** This pod's estimate of the ledger's time, ms since 1970; client ids and timestamps are validated against it. */
  ledgerNow: () => number;
}
