import type { components, operations } from './generated/openapi.ts';

type Schemas = components['schemas'];

export type Account = Schemas['Account'];
export type AccountChange = Schemas['AccountChangeRequest'];
export type AccountList = Schemas['AccountList'];
export type AccountOpening = Schemas['AccountOpeningRequest'];
export type AccountSettings = Schemas['AccountSettings'];
export type AccountSummary = Schemas['AccountSummary'];
export type ApiKey = Schemas['ApiKey'];
export type ApiKeyList = Schemas['ApiKeyList'];
/** The id is optional: the client generates one before the first attempt. */
export type ApiKeyRequest = Schemas['ApiKeyRequest'];
export type Balance = Schemas['Balance'];
export type BalanceAt = Schemas['BalanceAt'];
export type Batch = Schemas['Batch'];
export type BatchItem = Schemas['BatchItem'];
export type BatchItemList = Schemas['BatchItemList'];
export type Capture = Schemas['Capture'];
export type ChangedHold = Schemas['ChangedHold'];
export type EventPage = Schemas['EventPage'];
/** A CloudEvent 1.0; its `type` determines the type of `data`. */
export type FeedEvent = Schemas['Event'];
export type Hold = Schemas['Hold'];
export type HoldEvent = Schemas['HoldEvent'];
export type HoldRecord = Schemas['HoldRecord'];
export type HoldState = Capture['hold'];
export type IssuedApiKey = Schemas['IssuedApiKey'];
export type KeyLog = Schemas['KeyLog'];
export type KeyLogEntry = KeyLog['items'][number];
export type KeyRotation = Schemas['KeyRotationRequest'];
export type LedgerStop = Schemas['LedgerStop'];
export type LimitUsage = Schemas['LimitUsage'];
export type ListedHold = Schemas['ListedHold'];
export type OpenedAccount = Schemas['OpenedAccount'];
export type Posting = Schemas['Posting'];
export type PostingList = Schemas['PostingList'];
export type HoldList = Schemas['HoldList'];
export type Transfer = Schemas['Transfer'];
export type TransferGroup = Schemas['TransferGroup'];
export type TransferGroupRecord = Schemas['TransferGroupRecord'];
export type TransferList = Schemas['TransferList'];
export type TransferPreview = Schemas['TransferPreview'];
export type TransferRecord = Schemas['TransferRecord'];
export type TransferSplit = Schemas['TransferSplit'];
export type BalanceQueryAnswer = Schemas['BalanceQueryAnswer'];

/** The id is optional: the client generates one before the first attempt. */
export type TransferRequest = Omit<Schemas['TransferRequest'], 'dryRun'>;
export type GroupRequest = Omit<Schemas['TransferGroupRequest'], 'dryRun'>;
export type SplitRequest = Omit<Schemas['TransferSplitRequest'], 'dryRun'>;
export type HoldRequest = Omit<Schemas['HoldRequest'], 'dryRun'>;
export type CaptureRequest = Omit<Schemas['CaptureRequest'], 'dryRun'>;
export type HoldChange = Omit<Schemas['HoldChangeRequest'], 'dryRun'>;
export type Durability = 'cache' | 'persisted';

type Query<Operation extends keyof operations> = NonNullable<operations[Operation]['parameters']['query']>;
/** Filters of an account's history; the client follows the cursors. `limit` is the size of a page. */
export type PostingFilters = Omit<Query<'getAccountsIdPostings'>, 'cursor' | 'at'>;
export type BatchFilters = Omit<Query<'getBatchesBatchIdTransfers'>, 'cursor'>;
export type HoldFilters = Omit<Query<'getAccountsIdHolds'>, 'cursor'>;
/** Filters of the lists of all transfers and accounts; the client follows the cursors. */
export type TransferFilters = Omit<Query<'getTransfers'>, 'cursor'>;
export type AccountFilters = Omit<Query<'getAccounts'>, 'cursor'>;
export type StatementPeriod = Query<'getAccountsIdStatement'>;

/** The codes of this release; a newer service may send others. */
export type KnownProblemCode = Schemas['Problem']['code'];
export type ProblemCode = KnownProblemCode | (string & {});

/** A problem document (RFC 9457), which the service returns instead of a result. */
export type Problem = Omit<Schemas['Problem'], 'code'> & { readonly code: ProblemCode };
