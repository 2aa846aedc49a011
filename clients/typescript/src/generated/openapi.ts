/**
 * Types of the HTTP API, generated from its OpenAPI document by scripts/clients/openapi-types.ts. Do not edit: run
 * `npx tsx scripts/clients/openapi-types.ts --write`.
 */
export interface paths {
    readonly "/v1/accounts": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List accounts
         * @description Read from an index that lags behind the ledger by a second or two; `asOf` is the time up to which it is complete. Available if the operator has enabled search.
         *
         *     A page examines at most 5,000 accounts of each shard: continue until `nextCursor` is null. An API key that may use only some accounts sees only these.
         *
         *     Scope: `balances:read`.
         */
        readonly get: operations["getAccounts"];
        readonly put?: never;
        /**
         * Open an account
         * @description Scope: `accounts:write`.
         */
        readonly post: operations["postAccounts"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/accounts/batch": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Open up to 1000 accounts, with one outcome per account
         * @description Scope: `accounts:write`.
         */
        readonly post: operations["postAccountsBatch"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/accounts/{id}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read an account with its status, limits and balance
         * @description Scope: `balances:read`.
         */
        readonly get: operations["getAccountsId"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        /**
         * Change the status, overdraft limit or other limits of an account, effective immediately
         * @description Scope: `accounts:write`.
         */
        readonly patch: operations["patchAccountsId"];
        readonly trace?: never;
    };
    readonly "/v1/accounts/{id}/limits": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read the limits of an account, and how much of each is used
         * @description Scope: `balances:read`.
         */
        readonly get: operations["getAccountsIdLimits"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/accounts/{id}/balance": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read a balance
         * @description The `ETag` is the version of the balance. A change of the overdraft limit changes `available` but not the version: poll without `If-None-Match` where that matters.
         *
         *     Scope: `balances:read`.
         */
        readonly get: operations["getAccountsIdBalance"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/balances/query": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Read up to 1000 balances
         * @description Scope: `balances:read`.
         */
        readonly post: operations["postBalancesQuery"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/accounts/{id}/postings": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read an account's history, or its balance at a point in time
         * @description Read from MySQL: a transfer appears here a few tens of milliseconds after its 201. Each version of the account is one item: a side of a transfer, or an event of a hold. Send the same filters along with a cursor.
         *
         *     A page costs about the same however long the history is. With `kind`, `minAmount` or `maxAmount`, a page examines at most 10,000 debits, 10,000 credits and 10,000 events of holds, and a page also ends after 2 MiB of metadata. It may therefore have fewer items than `limit`, even none: continue until `nextCursor` is null.
         *
         *     Scope: `balances:read`.
         */
        readonly get: operations["getAccountsIdPostings"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/accounts/{id}/statement": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Download a statement of an account as CSV or as ISO 20022 camt.053
         * @description All transfers of a period, oldest first, with the opening and the closing balance; events of holds are not part of it. The same period always gives the same postings. If MySQL does not have all of them yet, or the period has only just ended, the request waits for up to 10 seconds and is then answered with `history_incomplete`.
         *
         *     The response is streamed. If it is cut off, it is incomplete: a CSV file without the row `closing_balance`, or an XML document that is not closed. `camt.053` is camt.053.001.08 (`BankToCustomerStatementV08`).
         *
         *     Scope: `balances:read`.
         */
        readonly get: operations["getAccountsIdStatement"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/transfers": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List transfers, posted or refused
         * @description Read from an index that lags behind the ledger by a second or two; `asOf` is the time up to which it is complete. Available if the operator has enabled search.
         *
         *     A page examines at most 5,000 transfers of each shard, so it may have fewer items than `limit`, even none: continue until `nextCursor` is null. Send the same filters along with a cursor. A transfer between shards is listed once, with the time at which its source accepted it.
         *
         *     Scope: `balances:read`.
         */
        readonly get: operations["getTransfers"];
        readonly put?: never;
        /**
         * Transfer money between two accounts
         * @description Scope: `transfers:write`.
         */
        readonly post: operations["postTransfers"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/transfers/batch": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Make up to 1000 independent transfers, with one outcome per transfer
         * @description Scope: `transfers:write`.
         */
        readonly post: operations["postTransfersBatch"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/transfers/{transactionId}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read a transfer, posted or refused
         * @description Scope: `transfers:write` or `balances:read`.
         */
        readonly get: operations["getTransfersTransactionId"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/transfers/{transactionId}/reversal": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Reverse a transfer once
         * @description A reversal that was refused, for example because of insufficient funds, may be requested again. A posted reversal is returned again and never posted twice.
         *
         *     Scope: `transfers:write`.
         */
        readonly post: operations["postTransfersTransactionIdReversal"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/returned-money": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List money that no account could take after a transfer between shards
         * @description Scope: `ops`.
         */
        readonly get: operations["getOpsReturnedMoney"];
        readonly put?: never;
        /**
         * Pay out money that no account could take
         * @description Pays the whole amount of a returned transfer to an account of the same shard, once, and responds when the payment is in MySQL. Repeat the request after any error: it never pays twice. If the money was paid out to another account, the response is 409 and nothing changes. The history of the account shows the transfer with `leg` `payout`, your name and the reason.
         *
         *     Scope: `ops`.
         */
        readonly post: operations["postOpsReturnedMoney"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/batches/{batchId}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Count the outcomes of the transfers in a batch
         * @description Scope: `transfers:write` or `balances:read`.
         */
        readonly get: operations["getBatchesBatchId"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/batches/{batchId}/transfers": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List the outcome of each transfer in a batch, with the reason
         * @description Also lists items that never became transfers. Sorted by id. Send the same `status` along with a cursor.
         *
         *     Scope: `transfers:write` or `balances:read`.
         */
        readonly get: operations["getBatchesBatchIdTransfers"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/transfers/group": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Make 2 to 100 transfers together: all of them, or none
         * @description The transfers are decided in order, each on the balances that result from the previous ones. If one is refused, none is made, and the ids of the transfers can still be used; the refusal is the outcome of the `groupId`.
         *
         *     Scope: `transfers:write`.
         */
        readonly post: operations["postTransfersGroup"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/transfers/split": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Divide an amount between several accounts, to the last minor unit
         * @description The amounts are subtracted first. The rest is divided in proportion to the shares (leftover minor units go to the largest remainders, the earlier destination first if they are equal), or goes to one destination as a whole. The transfers are made as a group: all of them, or none.
         *
         *     Scope: `transfers:write`.
         */
        readonly post: operations["postTransfersSplit"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/transfers/group/{groupId}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read a group or a split, posted or refused
         * @description Scope: `transfers:write` or `balances:read`.
         */
        readonly get: operations["getTransfersGroupGroupId"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/holds": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Reserve a part of an account's balance for a later transfer
         * @description The balance is unchanged; `available` decreases. The hold ends when it is captured or voided, or when it expires. A refusal is the final outcome of its id.
         *
         *     Scope: `transfers:write`.
         */
        readonly post: operations["postHolds"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/holds/{holdId}/capture": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Transfer what a hold reserves, or a part of it
         * @description The capture is a transfer, with an id of its own. It is never refused for a lack of funds. Unless `final` is false, it ends the hold and releases the rest. A capture that is not final needs a `transactionId` or an `Idempotency-Key`.
         *
         *     Scope: `transfers:write`.
         */
        readonly post: operations["postHoldsHoldIdCapture"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/holds/{holdId}/void": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Release all that is left of a hold
         * @description Voiding a hold that is already voided changes nothing, and the answer is the same.
         *
         *     Scope: `transfers:write`.
         */
        readonly post: operations["postHoldsHoldIdVoid"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/holds/{holdId}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read a hold with its captures, or why it was refused
         * @description Scope: `transfers:write` or `balances:read`.
         */
        readonly get: operations["getHoldsHoldId"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        /**
         * Change the amount or the end of an open hold
         * @description A refused change is not stored: the hold stays as it is.
         *
         *     Scope: `transfers:write`.
         */
        readonly patch: operations["patchHoldsHoldId"];
        readonly trace?: never;
    };
    readonly "/v1/accounts/{id}/holds": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read the holds of an account
         * @description Read from MySQL: a new or changed hold appears here a few tens of milliseconds later. Holds are sorted by id, so UUIDv7s are in the order of their times. Refused holds are not listed. Send the same `status` along with a cursor.
         *
         *     Scope: `balances:read`.
         */
        readonly get: operations["getAccountsIdHolds"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/events": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Receive everything that happens, as Server-Sent Events
         * @description Each block has an `id`, after which the stream can be resumed, and one `Event` (a CloudEvent 1.0 in JSON) as `data`. Events are sent once they are in MySQL. The stream contains exactly the events that were committed, for each account in the order of its versions, and has no gap after a reconnection with `Last-Event-ID`. Every 15 seconds, the server sends a comment with a new `id`.
         *
         *     Before the server ends a stream, it sends `event: end` with a `reason`: `shutting_down`, `reconnect` (streams last up to 15 minutes), `too_slow` (nothing was read for 20 seconds), `failed`, or `credentials` (expired or revoked). Connect again after `retry` milliseconds, except after `credentials`.
         *
         *     Scope: `balances:read`.
         */
        readonly get: operations["getEvents"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/events/page": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read events page by page
         * @description The events of `/v1/events`, for clients that poll. Send `nextCursor` as `after` with the same filters; when `caughtUp` is true, wait a moment. A page examines at most 10,000 entries of the log, so with a filter it can have fewer items than `limit`, or none, although there are more.
         *
         *     Scope: `balances:read`.
         */
        readonly get: operations["getEventsPage"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/webhooks": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List your webhooks
         * @description In the order of their ids. With the scope `ops`, the webhooks of all users.
         *
         *     Scope: `webhooks:write` or `ops`.
         */
        readonly get: operations["getWebhooks"];
        readonly put?: never;
        /**
         * Send events to a URL
         * @description Events are sent in batches (`application/cloudevents-batch+json`), in order, signed as Standard Webhooks specifies. Each batch is repeated until the receiver answers with 2xx. The receiver gets events that may contain balances. The response contains the secret of the signatures, which is shown only once.
         *
         *     Scope: `webhooks:write` or `ops`.
         */
        readonly post: operations["postWebhooks"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/webhooks/{webhookId}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read a webhook, without its secrets
         * @description Scope: `webhooks:write` or `ops`.
         */
        readonly get: operations["getWebhooksWebhookId"];
        readonly put?: never;
        readonly post?: never;
        /**
         * Delete a webhook
         * @description A request in progress may still arrive. Deleting a webhook that does not exist, or no longer exists, also succeeds.
         *
         *     Scope: `webhooks:write` or `ops`.
         */
        readonly delete: operations["deleteWebhooksWebhookId"];
        readonly options?: never;
        readonly head?: never;
        /**
         * Change or pause a webhook
         * @description It continues at its position. A request in progress may still use the earlier settings.
         *
         *     Scope: `webhooks:write` or `ops`.
         */
        readonly patch: operations["patchWebhooksWebhookId"];
        readonly trace?: never;
    };
    readonly "/v1/webhooks/{webhookId}/rotate": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Replace the secret of the signatures
         * @description Until the overlap has passed, requests are signed with the old secrets, too. The response contains the new secret, which is shown only once. A webhook can have five valid secrets.
         *
         *     Scope: `webhooks:write` or `ops`.
         */
        readonly post: operations["postWebhooksWebhookIdRotate"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/webhooks/{webhookId}/test": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Send a test event
         * @description An event of the type `holdfast.webhook.test` is sent once, even if the webhook is paused or stopped. The result is in the list of deliveries a moment later.
         *
         *     Scope: `webhooks:write` or `ops`.
         */
        readonly post: operations["postWebhooksWebhookIdTest"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/webhooks/{webhookId}/replay": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Send events again from an earlier position
         * @description A position after the current one skips events. That requires the scope `ops`. A webhook that is stopped has to be resumed afterwards.
         *
         *     Scope: `webhooks:write` or `ops`.
         */
        readonly post: operations["postWebhooksWebhookIdReplay"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/webhooks/{webhookId}/resume": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Resume deliveries that are stopped, paused, or waiting for the next attempt
         * @description It continues at its position. From then on, it stops if the API key of the caller is revoked.
         *
         *     Scope: `webhooks:write` or `ops`.
         */
        readonly post: operations["postWebhooksWebhookIdResume"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/webhooks/{webhookId}/deliveries": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List the latest attempts to deliver
         * @description Newest first: the last 200 that succeeded, and the last 300 that failed.
         *
         *     Scope: `webhooks:write` or `ops`.
         */
        readonly get: operations["getWebhooksWebhookIdDeliveries"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/status": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read the status of the ledger
         * @description Scope: `ops`.
         */
        readonly get: operations["getOpsStatus"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/audit": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read the end of the sealed log, and the result of its latest self-check
         * @description Scope: `ops`.
         */
        readonly get: operations["getOpsAudit"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/reconciliations": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Reconcile the books now
         * @description Scope: `ops`.
         */
        readonly post: operations["postOpsReconciliations"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/unsettled": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List what is waiting for a journal, and why
         * @description Scope: `ops`.
         */
        readonly get: operations["getOpsUnsettled"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/loss-acceptances": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Accept the loss of missing transfers and reopen the ledger
         * @description The last resort for a Redis that is permanently lost. Transfers that the pods have handed over are applied as far as they can be shown to follow from the ledger in MySQL; the rest is dropped and recorded with your name and reason. This cannot be undone. If nothing is missing, the response is 409 and nothing changes.
         *
         *     Scope: `ops`.
         */
        readonly post: operations["postOpsLossAcceptances"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/redis-takeovers": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Take over a Redis that belongs to another ledger
         * @description For a Redis whose ledger is permanently gone, or whose keys were left by an older release. Transfers that the other ledger has not flushed to its MySQL are deleted when this ledger starts using the Redis. Stop the other installation first. Possible only in mode `DIRECT` while nothing is waiting for a journal; otherwise the response is 409 and nothing changes.
         *
         *     Scope: `ops`.
         */
        readonly post: operations["postOpsRedisTakeovers"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/format": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Move the ledger to the rule format of this release
         * @description This cannot be undone: afterwards, a release that supports only the older format can neither change nor serve this ledger. With `dryRun: true`, nothing changes, and the response states whether the move would succeed, and what prevents it. Without it, if something prevents the move, the response is 409, and nothing changes. The move is prevented by a process of an older release that has sent a heartbeat within the last minute, accounts that wait for a journal, or an authority that is moving. Transfers are held while the last epoch of the older format is being recovered, as in a switch-over. Repeating the request afterwards changes nothing.
         *
         *     Scope: `ops`.
         */
        readonly post: operations["postOpsFormat"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/live": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read what this pod knows at the moment, without asking a store
         * @description Cheap enough to be called every second. `GET /v1/ops/status` has the state of the whole ledger.
         *
         *     Scope: `ops`.
         */
        readonly get: operations["getOpsLive"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/stop": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read whether the ledger is stopped, and by whom
         * @description Scope: `ops`.
         */
        readonly get: operations["getOpsStop"];
        readonly put?: never;
        /**
         * Stop all changes to the ledger at once
         * @description The emergency stop. Once the response has been sent, no pod makes a new transfer, hold or change of an account, whatever the mode and in all shards: such requests get `ledger_stopped`, which proves that they changed nothing. Reads continue, a request whose id already has an outcome gets that outcome, and the flush and the recovery of an epoch continue. The stop remains in force through restarts of all processes and the loss of Redis, until it is released. Repeating the request changes nothing.
         *
         *     Scope: `ops`.
         */
        readonly post: operations["postOpsStop"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/release": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Release a stopped ledger
         * @description Ends the emergency stop. Repeating the request changes nothing; with `number`, it cannot end a later stop.
         *
         *     Scope: `ops`.
         */
        readonly post: operations["postOpsRelease"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/keys": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * List the API keys, without their secrets
         * @description All keys, including expired and revoked ones, in the order of their ids.
         *
         *     Scope: `ops`.
         */
        readonly get: operations["getOpsKeys"];
        readonly put?: never;
        /**
         * Create an API key
         * @description The response contains the key, which is shown only once: only its hash is stored. A key can have at most the scopes of its creator.
         *
         *     Scope: `ops`.
         */
        readonly post: operations["postOpsKeys"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/keys/{keyId}": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read an API key, without its secret
         * @description Scope: `ops`.
         */
        readonly get: operations["getOpsKeysKeyId"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/keys/{keyId}/rotate": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Replace an API key with a new one that has the same rights
         * @description Both keys are valid until the overlap has passed; then the old one expires. The response contains the new key, which is shown only once. The caller must have the scopes of the key.
         *
         *     Scope: `ops`.
         */
        readonly post: operations["postOpsKeysKeyIdRotate"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/keys/{keyId}/revoke": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly get?: never;
        readonly put?: never;
        /**
         * Revoke an API key
         * @description All pods reject the key within seconds; this cannot be undone. The last key with the scope `ops` cannot be revoked. Revoking a key again changes nothing.
         *
         *     Scope: `ops`.
         */
        readonly post: operations["postOpsKeysKeyIdRevoke"];
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/ops/key-log": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read who created, rotated and revoked which API keys
         * @description Newest first. Nothing is ever removed from this log.
         *
         *     Scope: `ops`.
         */
        readonly get: operations["getOpsKeyLog"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/livez": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Whether the process is alive
         * @description Checks only the process itself: restarting it would fix neither Redis nor MySQL.
         */
        readonly get: operations["getLivez"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/readyz": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** Whether this pod can serve requests, and if not, why */
        readonly get: operations["getReadyz"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/metrics": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** Metrics for Prometheus */
        readonly get: operations["getMetrics"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/v1/caller": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /**
         * Read the user and the scopes of the credentials
         * @description Scope: `balances:read` or `accounts:write` or `transfers:write` or `webhooks:write` or `ops`.
         */
        readonly get: operations["getCaller"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/console": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** The console for operators, a web page */
        readonly get: operations["getConsole"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/openapi.json": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** The OpenAPI 3.1 document of this API */
        readonly get: operations["getOpenapiJson"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
    readonly "/docs": {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        /** The documentation page of this API, with "Try it out" */
        readonly get: operations["getDocs"];
        readonly put?: never;
        readonly post?: never;
        readonly delete?: never;
        readonly options?: never;
        readonly head?: never;
        readonly patch?: never;
        readonly trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The account as it was opened. A repeated request gets the same response. */
        readonly OpenedAccount: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly overdraftLimit: string;
            readonly limits: components["schemas"]["AccountLimits"];
            readonly name: string | null;
            readonly external: boolean;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly openedAt: string;
        };
        readonly AccountLimits: {
            /**
             * @description The highest amount of a single debit.
             * @example 12.34
             */
            readonly transferMax: string | null;
            /**
             * @description The highest sum of debits in a business day.
             * @example 12.34
             */
            readonly dailyDebitMax: string | null;
            /**
             * @description The highest sum of debits in a month of business days.
             * @example 12.34
             */
            readonly monthlyDebitMax: string | null;
            /**
             * @description The highest sum of credits in a business day.
             * @example 12.34
             */
            readonly dailyCreditMax: string | null;
            /**
             * @description The highest balance that a credit may lead to.
             * @example 12.34
             */
            readonly balanceMax: string | null;
        } | null;
        /** @description RFC 9457. */
        readonly Problem: {
            /** @example urn:holdfast:problem:insufficient_funds */
            readonly type: string;
            readonly title: string;
            readonly status: number;
            readonly detail: string;
            /** @description The path of the request. */
            readonly instance: string;
            /**
             * @description Stable, for programs.
             * @enum {string}
             */
            readonly code: "validation_failed" | "unauthenticated" | "forbidden" | "not_found" | "account_not_found" | "transfer_not_found" | "hold_not_found" | "key_not_found" | "webhook_not_found" | "group_not_found" | "batch_not_found" | "method_not_allowed" | "request_timeout" | "transaction_id_reused" | "already_paid_out" | "group_id_reused" | "hold_id_reused" | "transaction_id_ambiguous" | "group_id_ambiguous" | "hold_id_ambiguous" | "account_id_reused" | "key_id_reused" | "key_not_active" | "webhook_id_reused" | "too_many_webhooks" | "too_many_secrets" | "last_ops_key" | "authority_moved" | "account_not_empty" | "events_gone" | "settings_version_mismatch" | "hold_changed" | "payload_too_large" | "unsupported_media_type" | "currency_mismatch" | "insufficient_funds" | "account_suspended" | "account_frozen" | "account_closed" | "balance_out_of_range" | "limit_exceeded" | "group_refused" | "group_spans_shards" | "hold_spans_shards" | "hold_not_allowed" | "hold_not_open" | "hold_expired" | "hold_exceeded" | "transfer_not_reversible" | "precondition_required" | "rate_limited" | "too_many_listeners" | "headers_too_large" | "internal_error" | "search_disabled" | "ledger_switching" | "ledger_closed" | "ledger_stopped" | "account_unsettled" | "backlog_full" | "overloaded" | "database_unavailable" | "transfer_pending" | "transit_unavailable" | "history_incomplete" | "search_not_ready" | "clock_unsure" | "calendar_unavailable" | "issuer_unavailable" | "feature_not_active" | "webhooks_disabled" | "shutting_down" | "outcome_unknown";
            readonly correlationId: string;
            /** @description The id to look up or to send again. */
            readonly transactionId?: string;
            /** @description The id of the group or split to look up or to send again. */
            readonly groupId?: string;
            /** @description The id of the hold to look up or to send again. */
            readonly holdId?: string;
            /** @description The index in the group of the transfer that the problem concerns, starting at 0. */
            readonly index?: number;
            /**
             * @description For `group_refused`: why that transfer was refused.
             * @enum {string}
             */
            readonly refusal?: "currency_mismatch" | "insufficient_funds" | "account_suspended" | "account_frozen" | "account_closed" | "balance_out_of_range" | "limit_exceeded";
            /**
             * @description For `limit_exceeded`: which limit.
             * @enum {string}
             */
            readonly limit?: "transferMax" | "dailyDebitMax" | "monthlyDebitMax" | "dailyCreditMax" | "balanceMax";
            /** @description The value of the limit, in major units. */
            readonly value?: string;
            /** @description The unused part of the limit, in major units. */
            readonly remaining?: string;
            readonly errors?: readonly components["schemas"]["FieldError"][];
        };
        readonly FieldError: {
            /** @description JSON pointer (RFC 6901). */
            readonly pointer: string;
            readonly detail: string;
        };
        readonly AccountOpeningRequest: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description How far below zero the balance may go. Defaults to zero.
             * @example 12.34
             */
            readonly overdraftLimit?: string | null;
            readonly limits?: components["schemas"]["LimitsInput"];
            /** @example Ada Lovelace */
            readonly name?: string | null;
            /** @description Represents the outside world (cash, other banks) and has no lower limit. Defaults to false. */
            readonly external?: boolean | null;
        };
        /** @description All limits of the account; those that are absent do not apply. */
        readonly LimitsInput: {
            /**
             * @description The highest amount of a single debit.
             * @example 12.34
             */
            readonly transferMax?: string | null;
            /**
             * @description The highest sum of debits in a business day.
             * @example 12.34
             */
            readonly dailyDebitMax?: string | null;
            /**
             * @description The highest sum of debits in a month of business days.
             * @example 12.34
             */
            readonly monthlyDebitMax?: string | null;
            /**
             * @description The highest sum of credits in a business day.
             * @example 12.34
             */
            readonly dailyCreditMax?: string | null;
            /**
             * @description The highest balance that a credit may lead to.
             * @example 12.34
             */
            readonly balanceMax?: string | null;
        } | null;
        readonly AccountBatchAnswer: {
            readonly results: readonly (components["schemas"]["AccountBatchResult"] | components["schemas"]["Problem"])[];
        };
        readonly AccountBatchResult: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly overdraftLimit: string;
            readonly limits: components["schemas"]["AccountLimits"];
            readonly name: string | null;
            readonly external: boolean;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly openedAt: string;
            /** @description 201, or 200 if it existed already. */
            readonly status: number;
        };
        readonly AccountBatch: {
            readonly accounts: readonly components["schemas"]["AccountOpeningRequest"][];
        };
        readonly Account: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly balance: string;
            /**
             * @description Reserved by open holds: part of the balance, but not available.
             * @example 12.34
             */
            readonly held: string;
            /**
             * @description The balance, less what is held, plus the overdraft limit. Null for an external account, which has no lower limit.
             * @example 12.34
             */
            readonly available: string | null;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly overdraftLimit: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            /**
             * Format: date-time
             * @description When it was read.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly asOf: string;
            /** @enum {string} */
            readonly source: "cache" | "database";
            /**
             * @description True only while the ledger moves between its stores or is closed, or while the account waits for a journal.
             * @enum {boolean}
             */
            readonly stale?: true;
            readonly limits: components["schemas"]["AccountLimits"];
            /**
             * @description `SUSPENDED` allows no debits, `FROZEN` neither debits nor credits, `CLOSED` is permanent and requires a zero balance.
             * @enum {string}
             */
            readonly status: "ACTIVE" | "SUSPENDED" | "FROZEN" | "CLOSED";
            readonly external: boolean;
            /** @description Increases with every change of status or limit; used as the `ETag`. */
            readonly settingsVersion: number;
            readonly name: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly openedAt: string;
        };
        /** @description Limits that the account does not have are null. */
        readonly LimitUsage: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description The time since which the account has had limits; earlier transfers are not counted. Null without limits.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly countedSince: string | null;
            readonly transferMax: {
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly value: string;
            } | null;
            readonly dailyDebitMax: {
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly value: string;
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly used: string;
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly remaining: string;
                /** @description How much of the limit is used, rounded down. May exceed 100 after a change. */
                readonly percent: number;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC, milliseconds.
                 * @example 2026-01-31T12:00:00.000Z
                 */
                readonly windowStart: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC, milliseconds.
                 * @example 2026-01-31T12:00:00.000Z
                 */
                readonly windowEnd: string;
            } | null;
            readonly monthlyDebitMax: {
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly value: string;
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly used: string;
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly remaining: string;
                /** @description How much of the limit is used, rounded down. May exceed 100 after a change. */
                readonly percent: number;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC, milliseconds.
                 * @example 2026-01-31T12:00:00.000Z
                 */
                readonly windowStart: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC, milliseconds.
                 * @example 2026-01-31T12:00:00.000Z
                 */
                readonly windowEnd: string;
            } | null;
            readonly dailyCreditMax: {
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly value: string;
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly used: string;
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly remaining: string;
                /** @description How much of the limit is used, rounded down. May exceed 100 after a change. */
                readonly percent: number;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC, milliseconds.
                 * @example 2026-01-31T12:00:00.000Z
                 */
                readonly windowStart: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC, milliseconds.
                 * @example 2026-01-31T12:00:00.000Z
                 */
                readonly windowEnd: string;
            } | null;
            readonly balanceMax: {
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly value: string;
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly used: string;
                /**
                 * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
                 * @example 12.34
                 */
                readonly remaining: string;
                /** @description How much of the limit is used, rounded down. May exceed 100 after a change. */
                readonly percent: number;
            } | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly asOf: string;
            /** @enum {string} */
            readonly source: "cache" | "database";
            /** @enum {boolean} */
            readonly stale?: true;
        };
        /** @description The account without its balances: `accounts:write` alone does not permit reading them. */
        readonly AccountSettings: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description `SUSPENDED` allows no debits, `FROZEN` neither debits nor credits, `CLOSED` is permanent and requires a zero balance.
             * @enum {string}
             */
            readonly status: "ACTIVE" | "SUSPENDED" | "FROZEN" | "CLOSED";
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly overdraftLimit: string;
            readonly limits: components["schemas"]["AccountLimits"];
            readonly external: boolean;
            /** @description Increases with every change of status or limit; used as the `ETag`. */
            readonly settingsVersion: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly asOf: string;
        };
        readonly AccountChangeRequest: {
            /**
             * @description `SUSPENDED` allows no debits, `FROZEN` neither debits nor credits, `CLOSED` is permanent and requires a zero balance.
             * @enum {string|null}
             */
            readonly status?: "ACTIVE" | "SUSPENDED" | "FROZEN" | "CLOSED" | null;
            /**
             * @description Major units, with at most the ISO 4217 digits of the currency. Never a JSON number.
             * @example 12.34
             */
            readonly overdraftLimit?: string | null;
            /** @description Replaces all limits of the account; an empty object removes them. */
            readonly limits?: {
                /**
                 * @description The highest amount of a single debit.
                 * @example 12.34
                 */
                readonly transferMax?: string | null;
                /**
                 * @description The highest sum of debits in a business day.
                 * @example 12.34
                 */
                readonly dailyDebitMax?: string | null;
                /**
                 * @description The highest sum of debits in a month of business days.
                 * @example 12.34
                 */
                readonly monthlyDebitMax?: string | null;
                /**
                 * @description The highest sum of credits in a business day.
                 * @example 12.34
                 */
                readonly dailyCreditMax?: string | null;
                /**
                 * @description The highest balance that a credit may lead to.
                 * @example 12.34
                 */
                readonly balanceMax?: string | null;
            } | null;
        };
        readonly Balance: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly balance: string;
            /**
             * @description Reserved by open holds: part of the balance, but not available.
             * @example 12.34
             */
            readonly held: string;
            /**
             * @description The balance, less what is held, plus the overdraft limit. Null for an external account, which has no lower limit.
             * @example 12.34
             */
            readonly available: string | null;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly overdraftLimit: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            /**
             * Format: date-time
             * @description When it was read.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly asOf: string;
            /** @enum {string} */
            readonly source: "cache" | "database";
            /**
             * @description True only while the ledger moves between its stores or is closed, or while the account waits for a journal.
             * @enum {boolean}
             */
            readonly stale?: true;
        };
        readonly BalanceQueryAnswer: {
            readonly items: readonly components["schemas"]["Balance"][];
            /** @description Accounts that do not exist. */
            readonly missing: readonly string[];
        };
        readonly BalanceQuery: {
            readonly accountIds: readonly string[];
        };
        readonly PostingListOrBalance: components["schemas"]["PostingList"] | components["schemas"]["BalanceAt"];
        readonly PostingList: {
            readonly items: readonly components["schemas"]["HistoryItem"][];
            /** @description The cursor of the next page, in the requested order; null at the end. A page can have fewer items than `limit`, even none, before the end. */
            readonly nextCursor: string | null;
            /** @description The cursor of the previous page, with its items in the same order; null at the beginning. */
            readonly previousCursor: string | null;
        };
        readonly HistoryItem: components["schemas"]["Posting"] | components["schemas"]["HoldEvent"];
        /** @description One side of a transfer. */
        readonly Posting: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly balanceAfter: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly persistedAt: string;
            readonly correlationId: string;
            readonly user: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly kind: "transfer" | "reversal" | "capture";
            /**
             * @description Negative for a debit.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description The amount that the open holds of the account reserve after this item. Absent with `holds=false`, and with a filter by kind, direction or amount.
             * @example 12.34
             */
            readonly heldAfter?: string;
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly counterparty: string;
            /** @description The name of that account, if it has one. */
            readonly counterpartyName?: string;
            /**
             * Format: date-time
             * @description The client's own time, or the time of acceptance if the client sent none.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly timestamp: string;
            /**
             * @description Present for a transfer between shards: `out` at its source, `in` at its destination. If the destination refuses it, the source gets the amount back with `back`. `payout`: an operator has paid this account an amount that neither the source nor the destination could take.
             * @enum {string}
             */
            readonly leg?: "out" | "in" | "back" | "returns" | "payout";
            readonly reference?: string;
            /**
             * @description Custom string pairs: at most 16, each value at most 256 characters.
             * @example {
             *       "invoice": "2026-0042"
             *     }
             */
            readonly metadata?: {
                readonly [key: string]: string;
            };
            /**
             * @description The group or split that the transfer is a member of.
             * @example customer-4711
             */
            readonly groupId?: string;
            /**
             * @description Of a reversal: the transfer that it reverses.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly reverses?: string;
            /**
             * @description The hold from which a capture took its amount.
             * @example customer-4711
             */
            readonly holdId?: string;
            /**
             * @description By how much a capture changed the held amount of this account: zero if the account is the destination.
             * @example 12.34
             */
            readonly heldChange?: string;
        };
        /** @description An event of a hold, other than a capture: a capture is listed as a posting. */
        readonly HoldEvent: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly balanceAfter: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly persistedAt: string;
            readonly correlationId: string;
            readonly user: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly kind: "hold_placed" | "hold_changed" | "hold_voided" | "hold_expired";
            /**
             * @description The amount reserved by the open holds of the account after this event.
             * @example 12.34
             */
            readonly heldAfter: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description By how much the event changed the held amount of the account; the balance is unchanged.
             * @example 12.34
             */
            readonly heldChange: string;
        };
        /** @description Present if `at` was given. `items` contains the item that produced the balance and the held amount, if there was one. */
        readonly BalanceAt: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly at: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly balance: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly held: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            readonly items: readonly components["schemas"]["HistoryItem"][];
            readonly nextCursor: string | null;
        };
        readonly TransferList: {
            readonly items: readonly components["schemas"]["TransferRecord"][];
            /** @description Null at the end. A page can have fewer items than `limit`, even none, before the end. */
            readonly nextCursor: string | null;
            /**
             * Format: date-time
             * @description The list is complete up to this time: it contains everything that was in MySQL by then.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly asOf: string;
        };
        readonly TransferRecord: {
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /**
             * @description `PENDING`, only with several shards: the amount has left the source, and its destination has not decided yet. It becomes `POSTED` or `REJECTED`.
             * @enum {string}
             */
            readonly status: "POSTED" | "REJECTED" | "PENDING";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description The client's own time, or the time of acceptance if the client sent none.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly timestamp: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly sourceBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly sourceVersion?: number;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly destinationBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly destinationVersion?: number;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability: "cache" | "persisted";
            /** @description True if this outcome already existed. */
            readonly replayed: boolean;
            /**
             * @description Why it is `REJECTED`.
             * @enum {string}
             */
            readonly refusal?: "currency_mismatch" | "insufficient_funds" | "account_suspended" | "account_frozen" | "account_closed" | "balance_out_of_range" | "limit_exceeded" | "hold_not_allowed" | "hold_not_open" | "hold_expired" | "hold_exceeded";
            /** @description True once the outcome is in MySQL. */
            readonly persisted: boolean;
            /** @enum {string} */
            readonly kind: "transfer" | "reversal" | "capture";
            readonly reference: string | null;
            readonly metadata: {
                readonly [key: string]: string;
            } | null;
            /**
             * @description The transfer that this reversal reverses.
             * @example customer-4711
             */
            readonly reverses: string | null;
            /**
             * @description The group, or split, that this transfer is part of.
             * @example customer-4711
             */
            readonly groupId: string | null;
            /**
             * @description The hold that this transfer captures.
             * @example customer-4711
             */
            readonly holdId: string | null;
        };
        readonly AccountList: {
            readonly items: readonly components["schemas"]["AccountSummary"][];
            /** @description Null at the end. A page can have fewer items than `limit`, even none, before the end. */
            readonly nextCursor: string | null;
            /**
             * Format: date-time
             * @description The list is complete up to this time: it contains everything that was in MySQL by then.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly asOf: string;
        };
        readonly AccountSummary: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description `SUSPENDED` allows no debits, `FROZEN` neither debits nor credits, `CLOSED` is permanent and requires a zero balance.
             * @enum {string}
             */
            readonly status: "ACTIVE" | "SUSPENDED" | "FROZEN" | "CLOSED";
            readonly external: boolean;
            readonly name: string | null;
            /**
             * @description As it is in MySQL, a few tens of milliseconds after the latest transfer.
             * @example 12.34
             */
            readonly balance: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly held: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly overdraftLimit: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly settingsVersion: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly openedAt: string;
        };
        readonly TransferOrPreview: components["schemas"]["Transfer"] | components["schemas"]["TransferPreview"];
        readonly Transfer: {
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /** @enum {string} */
            readonly status: "POSTED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description The client's own time, or the time of acceptance if the client sent none.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly timestamp: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly sourceBalance?: string;
            /** @description The version of the source after the transfer. 0, without `sourceBalance`: the debit was lost when a database was restored from a backup. */
            readonly sourceVersion: number;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly destinationBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly destinationVersion: number;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability: "cache" | "persisted";
            /** @description True if this outcome already existed. */
            readonly replayed: boolean;
        };
        /** @description What the transfer would do now. */
        readonly TransferPreview: {
            /**
             * @description Present only if the request contains one.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId?: string;
            /** @enum {string} */
            readonly status: "POSTED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly sourceBalance?: string;
            /** @description The version of the source after the transfer. 0, without `sourceBalance`: the debit was lost when a database was restored from a backup. */
            readonly sourceVersion: number;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly destinationBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly destinationVersion: number;
            /** @enum {boolean} */
            readonly dryRun: true;
        };
        readonly TransferRequest: {
            /**
             * @description The idempotency key: one id has one outcome, forever. Use a UUIDv7: any other id is looked up in MySQL first. If absent, the `Idempotency-Key` is used, or an id is generated.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e90
             */
            readonly transactionId?: string | null;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units, with at most the ISO 4217 digits of the currency. Never a JSON number.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description When the transfer happened, according to the client; at most 5 minutes ahead of our clock.
             */
            readonly timestamp?: string;
            readonly reference?: string | null;
            /**
             * @description Custom string pairs: at most 16, each value at most 256 characters.
             * @example {
             *       "invoice": "2026-0042"
             *     }
             */
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /**
             * @description With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.
             * @default cache
             * @enum {string|null}
             */
            readonly durability?: "cache" | "persisted" | null;
            /**
             * @description With `true`, nothing is changed and no id is used: the answer shows what would happen now. A refusal is returned as usual.
             * @default false
             */
            readonly dryRun?: boolean | null;
        };
        readonly TransferBatchAnswer: {
            readonly results: readonly (components["schemas"]["TransferBatchResult"] | components["schemas"]["Problem"])[];
            readonly batch?: components["schemas"]["BatchRecording"];
        };
        readonly TransferBatchResult: {
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /** @description 201, or 200 if it existed already. */
            readonly status: number;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description The client's own time, or the time of acceptance if the client sent none.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly timestamp: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly sourceBalance?: string;
            /** @description The version of the source after the transfer. 0, without `sourceBalance`: the debit was lost when a database was restored from a backup. */
            readonly sourceVersion: number;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly destinationBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly destinationVersion: number;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability: "cache" | "persisted";
            /** @description True if this outcome already existed. */
            readonly replayed: boolean;
        };
        /** @description Present if the request has a `batchId`. */
        readonly BatchRecording: {
            /**
             * @description Names a batch, which may be sent in any number of requests. It belongs to the user who sends it. 1–64 characters of `A–Z a–z 0–9 . _ : -`.
             * @example salaries-2026-01
             */
            readonly batchId: string;
            /** @description True once all results of this response are recorded. If false, the transfers still have the outcomes in `results`; to record them, send the same request again. */
            readonly recorded: boolean;
            /**
             * @description Why they are not recorded. `batch_full`: use another batch id.
             * @enum {string}
             */
            readonly reason?: "database_unavailable" | "batch_full";
        };
        readonly TransferBatch: {
            readonly transfers: readonly components["schemas"]["BatchedTransfer"][];
            /**
             * @description Records the outcome of each transfer under this id, for `GET /v1/batches/{batchId}`. Each transfer must then have a `transactionId`.
             * @example salaries-2026-01
             */
            readonly batchId?: string | null;
        };
        readonly BatchedTransfer: {
            /**
             * @description The idempotency key: one id has one outcome, forever. Use a UUIDv7: any other id is looked up in MySQL first. If absent, the `Idempotency-Key` is used, or an id is generated.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e90
             */
            readonly transactionId?: string | null;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units, with at most the ISO 4217 digits of the currency. Never a JSON number.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description When the transfer happened, according to the client; at most 5 minutes ahead of our clock.
             */
            readonly timestamp?: string;
            readonly reference?: string | null;
            /**
             * @description Custom string pairs: at most 16, each value at most 256 characters.
             * @example {
             *       "invoice": "2026-0042"
             *     }
             */
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /**
             * @description With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.
             * @default cache
             * @enum {string|null}
             */
            readonly durability?: "cache" | "persisted" | null;
        };
        readonly ReversalRequest: {
            /**
             * @description With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.
             * @default cache
             * @enum {string|null}
             */
            readonly durability?: "cache" | "persisted" | null;
        };
        readonly ReturnedMoneyList: {
            /** @description The total that has not been paid out in the listed shards, by currency, regardless of the page. */
            readonly balances: readonly components["schemas"]["ReturnedBalance"][];
            readonly items: readonly components["schemas"]["ReturnedTransfer"][];
            /** @description Send it as `cursor` to get the next page; null at the end. A page can have fewer items than `limit`, even none. */
            readonly nextCursor: string | null;
        };
        readonly ReturnedBalance: {
            /** @description Number of the shard. */
            readonly shard: number;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
        };
        readonly ReturnedTransfer: {
            /** @description Number of the shard. */
            readonly shard: number;
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /**
             * @description The source of the transfer, which could not take the money back.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description The destination of the transfer, which refused it.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly returnedAt: string;
            /** @description To which account it was paid out, by whom, why and when; null if it was not. */
            readonly payout: {
                /**
                 * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
                 * @example customer-4711
                 */
                readonly destinationAccount: string;
                readonly reason: string;
                readonly user: string;
                /**
                 * Format: date-time
                 * @description RFC 3339, UTC, milliseconds.
                 * @example 2026-01-31T12:00:00.000Z
                 */
                readonly paidAt: string;
            } | null;
        };
        readonly PaidOut: {
            /** @description Number of the shard. */
            readonly shard: number;
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            readonly destinationVersion: number;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            readonly reason: string;
            readonly user: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly paidAt: string;
            /** @description True if it had already been paid out to this account. */
            readonly replayed: boolean;
        };
        readonly PayoutRequest: {
            /** @description Number of the shard. */
            readonly shard: number;
            /**
             * @description The transfer that was returned.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /**
             * @description The account that gets the money. It must be in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description The whole amount that was returned. It must match, as a safeguard against paying out the wrong transfer.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /** @description The reason, in a sentence; it is recorded with your name, and shown in the history. */
            readonly reason: string;
        };
        readonly Batch: {
            /**
             * @description Names a batch, which may be sent in any number of requests. It belongs to the user who sends it. 1–64 characters of `A–Z a–z 0–9 . _ : -`.
             * @example salaries-2026-01
             */
            readonly batchId: string;
            readonly postedBy: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly firstRecordedAt: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly lastRecordedAt: string;
            /** @description All transfers that were recorded, each counted once. Compare it with the number that you sent. */
            readonly items: number;
            /** @description Transfers that were posted. */
            readonly posted: number;
            /** @description Transfers that a business rule refused; this is their outcome. */
            readonly rejected: number;
            /** @description Items that were not accepted as transfers, for example because of an unknown account. */
            readonly failed: number;
            /** @description Items whose outcome was not known, or which had to wait. Send them again with the same ids. */
            readonly undecided: number;
        };
        readonly BatchItemList: {
            readonly items: readonly components["schemas"]["BatchItem"][];
            readonly nextCursor: string | null;
        };
        readonly BatchItem: {
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /**
             * @description The result of the last request with this item. `POSTED` and `REJECTED` are outcomes, which `GET /v1/transfers/{transactionId}` returns too. `FAILED`: it was not accepted. `UNDECIDED`: send it again with the same id.
             * @enum {string}
             */
            readonly status: "POSTED" | "REJECTED" | "FAILED" | "UNDECIDED";
            /** @description Why it was not posted: the `code` of a problem. */
            readonly code?: string;
            readonly detail?: string;
            readonly errors?: readonly components["schemas"]["FieldError"][];
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly recordedAt: string;
            /**
             * @description For `FAILED` and `UNDECIDED`: the status of the transfer that the ledger now has under this id, if there is one, such as after a retry outside the batch. Its content may differ from that of the item; to find out, send the item again.
             * @enum {string}
             */
            readonly transfer?: "POSTED" | "REJECTED" | "PENDING";
        };
        readonly TransferGroupOrPreview: components["schemas"]["TransferGroup"] | components["schemas"]["TransferGroupPreview"];
        readonly TransferGroup: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly groupId: string;
            /** @enum {string} */
            readonly status: "POSTED";
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability: "cache" | "persisted";
            /** @description True if this outcome already existed. */
            readonly replayed: boolean;
            /** @description The transfers, in the order of the request. */
            readonly transfers: readonly components["schemas"]["Transfer"][];
        };
        /** @description What the group would do now. */
        readonly TransferGroupPreview: {
            /** @enum {boolean} */
            readonly dryRun: true;
            /**
             * @description Present only if the request contains one.
             * @example customer-4711
             */
            readonly groupId?: string;
            /** @enum {string} */
            readonly status: "POSTED";
            readonly transfers: readonly components["schemas"]["TransferPreview"][];
        };
        readonly TransferGroupRequest: {
            /**
             * @description The idempotency key of the group: one id has one outcome, forever. Group ids and transaction ids are separate: the same id can be used for both. Use a UUIDv7. If absent, the `Idempotency-Key` is used, or an id is generated.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e91
             */
            readonly groupId?: string | null;
            /** @description The transfers, decided in order, each on the balances left by the previous ones. */
            readonly transfers: readonly components["schemas"]["GroupedTransfer"][];
            /**
             * @description With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.
             * @default cache
             * @enum {string|null}
             */
            readonly durability?: "cache" | "persisted" | null;
            /**
             * @description With `true`, nothing is changed and no id is used: the answer shows what would happen now. A refusal is returned as usual.
             * @default false
             */
            readonly dryRun?: boolean | null;
        };
        readonly GroupedTransfer: {
            /**
             * @description The idempotency key: one id has one outcome, forever. Use a UUIDv7: any other id is looked up in MySQL first. If absent, the `Idempotency-Key` is used, or an id is generated.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e90
             */
            readonly transactionId?: string | null;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units, with at most the ISO 4217 digits of the currency. Never a JSON number.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description When the transfer happened, according to the client; at most 5 minutes ahead of our clock.
             */
            readonly timestamp?: string;
            readonly reference?: string | null;
            /**
             * @description Custom string pairs: at most 16, each value at most 256 characters.
             * @example {
             *       "invoice": "2026-0042"
             *     }
             */
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
        };
        readonly TransferSplitOrPreview: components["schemas"]["TransferSplit"] | components["schemas"]["TransferSplitPreview"];
        readonly TransferSplit: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly groupId: string;
            /** @enum {string} */
            readonly status: "POSTED";
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability: "cache" | "persisted";
            /** @description True if this outcome already existed. */
            readonly replayed: boolean;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /** @description The amount that each destination got, in the order of the request. */
            readonly destinations: readonly components["schemas"]["SplitPart"][];
        };
        readonly SplitPart: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description Absent for a share that came to zero.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId?: string;
        };
        /** @description What the split would do now. */
        readonly TransferSplitPreview: {
            /**
             * @description Present only if the request contains one.
             * @example customer-4711
             */
            readonly groupId?: string;
            /** @enum {string} */
            readonly status: "POSTED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            readonly destinations: readonly components["schemas"]["SplitPartPreview"][];
            /** @enum {boolean} */
            readonly dryRun: true;
        };
        readonly SplitPartPreview: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
        };
        readonly TransferSplitRequest: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description Major units, with at most the ISO 4217 digits of the currency. Never a JSON number.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description When the transfer happened, according to the client; at most 5 minutes ahead of our clock.
             */
            readonly timestamp?: string;
            readonly reference?: string | null;
            /**
             * @description Custom string pairs: at most 16, each value at most 256 characters.
             * @example {
             *       "invoice": "2026-0042"
             *     }
             */
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /**
             * @description With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.
             * @default cache
             * @enum {string|null}
             */
            readonly durability?: "cache" | "persisted" | null;
            /**
             * @description With `true`, nothing is changed and no id is used: the answer shows what would happen now. A refusal is returned as usual.
             * @default false
             */
            readonly dryRun?: boolean | null;
            /**
             * @description The idempotency key of the group: one id has one outcome, forever. Group ids and transaction ids are separate: the same id can be used for both. Use a UUIDv7. If absent, the `Idempotency-Key` is used, or an id is generated.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e91
             */
            readonly groupId?: string | null;
            /** @description Fixed amounts are subtracted first. The rest is split in proportion to the shares, or goes to one destination in full. */
            readonly destinations: readonly components["schemas"]["SplitDestination"][];
        };
        readonly SplitDestination: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description Major units, with at most the ISO 4217 digits of the currency. Never a JSON number.
             * @example 12.34
             */
            readonly amount?: string | null;
            /** @description A weight: the rest is divided in proportion to the shares. */
            readonly share?: number | null;
            /** @description True: this destination gets everything that is left after the amounts. */
            readonly remaining?: boolean | null;
        };
        readonly TransferGroupRecord: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly groupId: string;
            /** @enum {string} */
            readonly status: "POSTED" | "REJECTED";
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability: "cache" | "persisted";
            /** @description True if this outcome already existed. */
            readonly replayed: boolean;
            /** @description For a refused group: what was requested. */
            readonly transfers: readonly components["schemas"]["GroupMemberRecord"][];
            /** @description For a refused group: the index of the refused transfer, starting at 0. */
            readonly index?: number;
            /**
             * @description Why it is `REJECTED`.
             * @enum {string}
             */
            readonly refusal?: "currency_mismatch" | "insufficient_funds" | "account_suspended" | "account_frozen" | "account_closed" | "balance_out_of_range" | "limit_exceeded";
            /** @description For a split: the amount that each destination got. */
            readonly destinations?: readonly components["schemas"]["SplitPart"][];
            /** @description True once the outcome is in MySQL. */
            readonly persisted: boolean;
        };
        readonly GroupMemberRecord: {
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId?: string;
            /** @enum {string} */
            readonly status?: "POSTED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount?: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount?: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount?: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency?: string;
            /**
             * Format: date-time
             * @description The client's own time, or the time of acceptance if the client sent none.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly timestamp?: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt?: string;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly sourceBalance?: string;
            /** @description The version of the source after the transfer. 0, without `sourceBalance`: the debit was lost when a database was restored from a backup. */
            readonly sourceVersion?: number;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly destinationBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly destinationVersion?: number;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability?: "cache" | "persisted";
            /** @description True if this outcome already existed. */
            readonly replayed?: boolean;
        };
        readonly HoldOrPreview: components["schemas"]["Hold"] | components["schemas"]["HoldPreview"];
        readonly Hold: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description An open hold whose `expiresAt` has passed cannot be used; its money is released within seconds.
             * @enum {string}
             */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string | null;
            /**
             * @description As placed or last changed.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description The sum of its captures.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * @description The amount that is still reserved: zero unless the hold is open.
             * @example 12.34
             */
            readonly remaining: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string;
            /** @description Increases by one with every event of the hold, for `If-Match`. */
            readonly revision: number;
            readonly reference: string | null;
            readonly metadata: {
                readonly [key: string]: string;
            } | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability: "cache" | "persisted";
            /** @description True if the hold already existed; the response shows its current state. */
            readonly replayed: boolean;
        };
        /** @description The hold as it would be after the request. */
        readonly HoldPreview: {
            /**
             * @description Only if there is one.
             * @example customer-4711
             */
            readonly holdId?: string;
            /**
             * @description An open hold whose `expiresAt` has passed cannot be used; its money is released within seconds.
             * @enum {string}
             */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string | null;
            /**
             * @description As placed or last changed.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description The sum of its captures.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * @description The amount that is still reserved: zero unless the hold is open.
             * @example 12.34
             */
            readonly remaining: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string;
            /** @description Increases by one with every event of the hold, for `If-Match`. */
            readonly revision: number;
            /** @enum {boolean} */
            readonly dryRun: true;
            /**
             * @description The available amount of the account afterwards. Only with the scope `balances:read`.
             * @example 12.34
             */
            readonly available?: string;
        };
        readonly HoldRequest: {
            /**
             * @description The idempotency key of the hold: one id has one outcome, forever. Hold ids are separate from transaction ids. Use a UUIDv7. If absent, the `Idempotency-Key` is used, or an id is generated.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e92
             */
            readonly holdId?: string | null;
            /**
             * @description Whose money is reserved.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description Where every capture goes. If absent, each capture names its destination.
             * @example customer-4711
             */
            readonly destinationAccount?: string | null;
            /**
             * @description Major units, with at most the ISO 4217 digits of the currency. Never a JSON number.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description When the hold expires: by default after 7 days, at most a year from now.
             */
            readonly expiresAt?: string;
            readonly reference?: string | null;
            /**
             * @description Custom string pairs: at most 16, each value at most 256 characters.
             * @example {
             *       "invoice": "2026-0042"
             *     }
             */
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /**
             * @description With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.
             * @default cache
             * @enum {string|null}
             */
            readonly durability?: "cache" | "persisted" | null;
            /**
             * @description With `true`, nothing is changed and no id is used: the answer shows what would happen now. A refusal is returned as usual.
             * @default false
             */
            readonly dryRun?: boolean | null;
        };
        readonly CaptureOrPreview: components["schemas"]["Capture"] | components["schemas"]["CapturePreview"];
        readonly Capture: {
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /** @enum {string} */
            readonly status: "POSTED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description The client's own time, or the time of acceptance if the client sent none.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly timestamp: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly sourceBalance?: string;
            /** @description The version of the source after the transfer. 0, without `sourceBalance`: the debit was lost when a database was restored from a backup. */
            readonly sourceVersion: number;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly destinationBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly destinationVersion: number;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability: "cache" | "persisted";
            /** @description True if this outcome already existed. */
            readonly replayed: boolean;
            readonly hold: components["schemas"]["HoldState"];
        };
        readonly HoldState: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description An open hold whose `expiresAt` has passed cannot be used; its money is released within seconds.
             * @enum {string}
             */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string | null;
            /**
             * @description As placed or last changed.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description The sum of its captures.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * @description The amount that is still reserved: zero unless the hold is open.
             * @example 12.34
             */
            readonly remaining: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string;
            /** @description Increases by one with every event of the hold, for `If-Match`. */
            readonly revision: number;
        };
        /** @description What the capture would do now. */
        readonly CapturePreview: {
            /**
             * @description Present only if the request contains one.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId?: string;
            /** @enum {string} */
            readonly status: "POSTED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly sourceBalance?: string;
            /** @description The version of the source after the transfer. 0, without `sourceBalance`: the debit was lost when a database was restored from a backup. */
            readonly sourceVersion: number;
            /**
             * @description Present only for callers with the scope `balances:read`.
             * @example 12.34
             */
            readonly destinationBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly destinationVersion: number;
            /** @enum {boolean} */
            readonly dryRun: true;
            readonly hold: components["schemas"]["HoldPreview"];
        };
        readonly CaptureRequest: {
            /**
             * @description The id of the transfer that the capture makes; the same rules apply as to any transaction id. If absent, the `Idempotency-Key` is used; or, if the capture is final, an id that is derived from the hold.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e90
             */
            readonly transactionId?: string | null;
            /**
             * @description At most the remaining amount of the hold; if absent, all of it.
             * @example 12.34
             */
            readonly amount?: string | null;
            /**
             * @description Required if the hold does not name its destination.
             * @example customer-4711
             */
            readonly destinationAccount?: string | null;
            /**
             * @description With `false`, the rest of the hold stays reserved for further captures; otherwise it is released.
             * @default true
             */
            readonly final?: boolean | null;
            readonly reference?: string | null;
            /**
             * @description Custom string pairs: at most 16, each value at most 256 characters.
             * @example {
             *       "invoice": "2026-0042"
             *     }
             */
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /**
             * @description With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.
             * @default cache
             * @enum {string|null}
             */
            readonly durability?: "cache" | "persisted" | null;
            /**
             * @description With `true`, nothing is changed and no id is used: the answer shows what would happen now. A refusal is returned as usual.
             * @default false
             */
            readonly dryRun?: boolean | null;
        };
        readonly ChangedHoldOrPreview: components["schemas"]["ChangedHold"] | components["schemas"]["HoldPreview"];
        readonly ChangedHold: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description An open hold whose `expiresAt` has passed cannot be used; its money is released within seconds.
             * @enum {string}
             */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string | null;
            /**
             * @description As placed or last changed.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description The sum of its captures.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * @description The amount that is still reserved: zero unless the hold is open.
             * @example 12.34
             */
            readonly remaining: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string;
            /** @description Increases by one with every event of the hold, for `If-Match`. */
            readonly revision: number;
            /**
             * @description The durability reached: `persisted` means committed in MySQL.
             * @enum {string}
             */
            readonly durability: "cache" | "persisted";
        };
        readonly HoldVoidRequest: {
            /**
             * @description With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.
             * @default cache
             * @enum {string|null}
             */
            readonly durability?: "cache" | "persisted" | null;
            /**
             * @description With `true`, nothing is changed and no id is used: the answer shows what would happen now. A refusal is returned as usual.
             * @default false
             */
            readonly dryRun?: boolean | null;
        };
        readonly HoldChangeRequest: {
            /**
             * @description The new amount; it must exceed the captured amount.
             * @example 12.34
             */
            readonly amount?: string | null;
            /**
             * Format: date-time
             * @description The new expiry, at most a year from now.
             */
            readonly expiresAt?: string;
            /**
             * @description With `persisted`, the response is sent only once the transfer is in MySQL. Defaults to `cache`.
             * @default cache
             * @enum {string|null}
             */
            readonly durability?: "cache" | "persisted" | null;
            /**
             * @description With `true`, nothing is changed and no id is used: the answer shows what would happen now. A refusal is returned as usual.
             * @default false
             */
            readonly dryRun?: boolean | null;
        };
        readonly HoldRecord: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description `REFUSED`: the hold was never placed.
             * @enum {string}
             */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED" | "REFUSED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string | null;
            /**
             * @description As placed or last changed.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description The sum of its captures.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * @description The amount that is still reserved: zero unless the hold is open.
             * @example 12.34
             */
            readonly remaining: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description Null if the hold was refused and the request had no `expiresAt`.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string | null;
            /** @description Increases by one with every event of the hold, for `If-Match`. */
            readonly revision: number;
            readonly reference: string | null;
            readonly metadata: {
                readonly [key: string]: string;
            } | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description Why it is `REFUSED`.
             * @enum {string}
             */
            readonly refusal?: "currency_mismatch" | "insufficient_funds" | "account_suspended" | "account_frozen" | "account_closed" | "balance_out_of_range" | "limit_exceeded" | "hold_not_allowed" | "hold_not_open" | "hold_expired" | "hold_exceeded";
            /** @description True once the latest event of the hold is in MySQL. */
            readonly persisted: boolean;
            /**
             * @description True only while the ledger moves between its stores or is closed, or while the account waits for a journal.
             * @enum {boolean}
             */
            readonly stale?: true;
            /** @description The latest 100 captures, oldest first, read from MySQL: the last one may be missing for a moment. */
            readonly captures: readonly components["schemas"]["HoldCapture"][];
        };
        readonly HoldCapture: {
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
        };
        readonly HoldList: {
            readonly items: readonly components["schemas"]["ListedHold"][];
            readonly nextCursor: string | null;
        };
        readonly ListedHold: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description An open hold whose `expiresAt` has passed cannot be used; its money is released within seconds.
             * @enum {string}
             */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string | null;
            /**
             * @description As placed or last changed.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description The sum of its captures.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * @description The amount that is still reserved: zero unless the hold is open.
             * @example 12.34
             */
            readonly remaining: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string;
            /** @description Increases by one with every event of the hold, for `If-Match`. */
            readonly revision: number;
            readonly reference: string | null;
            readonly metadata: {
                readonly [key: string]: string;
            } | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
        };
        readonly EventPage: {
            readonly items: readonly components["schemas"]["Event"][];
            /** @description Send it as `after` to get the events that follow. It is never null. */
            readonly nextCursor: string;
            /** @description False if more events may already be available. A page can be empty before the end. */
            readonly caughtUp: boolean;
        };
        /** @description A CloudEvent 1.0. */
        readonly Event: components["schemas"]["TransferPostedEvent"] | components["schemas"]["TransferRejectedEvent"] | components["schemas"]["GroupPostedEvent"] | components["schemas"]["GroupRejectedEvent"] | components["schemas"]["HoldPlacedEvent"] | components["schemas"]["HoldRejectedEvent"] | components["schemas"]["HoldChangedEvent"] | components["schemas"]["HoldVoidedEvent"] | components["schemas"]["HoldExpiredEvent"] | components["schemas"]["AccountOpenedEvent"] | components["schemas"]["AccountChangedEvent"];
        readonly TransferPostedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.transfer.posted";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["TransferPostedData"];
        };
        readonly TransferPostedData: {
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /** @enum {string} */
            readonly kind: "transfer" | "reversal" | "capture";
            /**
             * @description Absent for a payout.
             * @example customer-4711
             */
            readonly sourceAccount?: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description The client's own time, or the time of acceptance if the client sent none.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly timestamp: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description Only with several shards, for a transfer between two of them: `out` is its event at the source, `in` at the destination, and `back` at the source if the destination refused it. `payout`: an operator has paid the amount, which neither account could take, to the destination of this event.
             * @enum {string}
             */
            readonly leg?: "out" | "in" | "back" | "returns" | "payout";
            /**
             * @description The group or split that the transfer is a member of.
             * @example customer-4711
             */
            readonly groupId?: string;
            /**
             * @description For a reversal: the transfer that it reverses.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly reverses?: string;
            /**
             * @description For a capture: the hold that it captures.
             * @example customer-4711
             */
            readonly holdId?: string;
            /** @enum {string} */
            readonly status: "POSTED";
            /**
             * @description Absent if the event reports a leg of a transfer between shards that changes only the other account.
             * @example 12.34
             */
            readonly sourceBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly sourceVersion?: number;
            /**
             * @description Absent if the event reports a leg of a transfer between shards that changes only the other account.
             * @example 12.34
             */
            readonly destinationBalance?: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly destinationVersion?: number;
            /**
             * @description For a capture: the amount reserved by the holds of the source after it.
             * @example 12.34
             */
            readonly heldAfter?: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly heldChange?: string;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly TransferRejectedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.transfer.rejected";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["TransferRejectedData"];
        };
        readonly TransferRejectedData: {
            /**
             * @description The id of a transfer, as its client chose it.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly transactionId: string;
            /** @enum {string} */
            readonly kind: "transfer" | "reversal" | "capture";
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly sourceAccount: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description The client's own time, or the time of acceptance if the client sent none.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly timestamp: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description Only with several shards, for a transfer between two of them: `out` is its event at the source, `in` at the destination, and `back` at the source if the destination refused it. `payout`: an operator has paid the amount, which neither account could take, to the destination of this event.
             * @enum {string}
             */
            readonly leg?: "out" | "in" | "back" | "returns" | "payout";
            /**
             * @description The group or split that the transfer is a member of.
             * @example customer-4711
             */
            readonly groupId?: string;
            /**
             * @description For a reversal: the transfer that it reverses.
             * @example 019b7650-2c00-7000-8000-000000000002
             */
            readonly reverses?: string;
            /**
             * @description For a capture: the hold that it captures.
             * @example customer-4711
             */
            readonly holdId?: string;
            /** @enum {string} */
            readonly status: "REJECTED";
            /** @enum {string} */
            readonly refusal: "currency_mismatch" | "insufficient_funds" | "account_suspended" | "account_frozen" | "account_closed" | "balance_out_of_range" | "limit_exceeded" | "hold_not_allowed" | "hold_not_open" | "hold_expired" | "hold_exceeded";
            /**
             * @description For `limit_exceeded`: which limit.
             * @enum {string}
             */
            readonly limit?: "transferMax" | "dailyDebitMax" | "monthlyDebitMax" | "dailyCreditMax" | "balanceMax";
            /**
             * @description The value of the limit.
             * @example 12.34
             */
            readonly value?: string;
            /**
             * @description The unused part of the limit.
             * @example 12.34
             */
            readonly remaining?: string;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly GroupPostedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.group.posted";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["GroupPostedData"];
        };
        readonly GroupPostedData: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly groupId: string;
            readonly accounts: readonly string[];
            readonly transactionIds: readonly string[];
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /** @enum {string} */
            readonly status: "POSTED";
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly GroupRejectedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.group.rejected";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["GroupRejectedData"];
        };
        readonly GroupRejectedData: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly groupId: string;
            readonly accounts: readonly string[];
            readonly transactionIds: readonly string[];
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /** @enum {string} */
            readonly status: "REJECTED";
            /** @description The index of the first transfer that was refused, starting at 0. */
            readonly index: number;
            /** @enum {string} */
            readonly refusal: "currency_mismatch" | "insufficient_funds" | "account_suspended" | "account_frozen" | "account_closed" | "balance_out_of_range" | "limit_exceeded" | "hold_not_allowed" | "hold_not_open" | "hold_expired" | "hold_exceeded";
            /**
             * @description For `limit_exceeded`: which limit.
             * @enum {string}
             */
            readonly limit?: "transferMax" | "dailyDebitMax" | "monthlyDebitMax" | "dailyCreditMax" | "balanceMax";
            /**
             * @description The value of the limit.
             * @example 12.34
             */
            readonly value?: string;
            /**
             * @description The unused part of the limit.
             * @example 12.34
             */
            readonly remaining?: string;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly HoldPlacedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.hold.placed";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["HoldPlacedData"];
        };
        readonly HoldPlacedData: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /** @enum {string} */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string;
            readonly revision: number;
            /**
             * @description The total that the holds of the account reserve after this event.
             * @example 12.34
             */
            readonly heldAfter: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly heldChange: string;
            /**
             * @description The balance of the account, which an event of a hold does not change.
             * @example 12.34
             */
            readonly balance: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string | null;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly HoldRejectedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.hold.rejected";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["HoldRejectedData"];
        };
        readonly HoldRejectedData: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly destinationAccount: string | null;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /** @enum {string} */
            readonly refusal: "currency_mismatch" | "insufficient_funds" | "account_suspended" | "account_frozen" | "account_closed" | "balance_out_of_range" | "limit_exceeded" | "hold_not_allowed" | "hold_not_open" | "hold_expired" | "hold_exceeded";
            /**
             * @description For `limit_exceeded`: which limit.
             * @enum {string}
             */
            readonly limit?: "transferMax" | "dailyDebitMax" | "monthlyDebitMax" | "dailyCreditMax" | "balanceMax";
            /**
             * @description The value of the limit.
             * @example 12.34
             */
            readonly value?: string;
            /**
             * @description The unused part of the limit.
             * @example 12.34
             */
            readonly remaining?: string;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly HoldChangedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.hold.changed";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["HoldChangedData"];
        };
        readonly HoldChangedData: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /** @enum {string} */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string;
            readonly revision: number;
            /**
             * @description The total that the holds of the account reserve after this event.
             * @example 12.34
             */
            readonly heldAfter: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly heldChange: string;
            /**
             * @description The balance of the account, which an event of a hold does not change.
             * @example 12.34
             */
            readonly balance: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly HoldVoidedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.hold.voided";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["HoldVoidedData"];
        };
        readonly HoldVoidedData: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /** @enum {string} */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string;
            readonly revision: number;
            /**
             * @description The total that the holds of the account reserve after this event.
             * @example 12.34
             */
            readonly heldAfter: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly heldChange: string;
            /**
             * @description The balance of the account, which an event of a hold does not change.
             * @example 12.34
             */
            readonly balance: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly HoldExpiredEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.hold.expired";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["HoldExpiredData"];
        };
        readonly HoldExpiredData: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly holdId: string;
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly account: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /** @enum {string} */
            readonly status: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly amount: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly captured: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string;
            readonly revision: number;
            /**
             * @description The total that the holds of the account reserve after this event.
             * @example 12.34
             */
            readonly heldAfter: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly heldChange: string;
            /**
             * @description The balance of the account, which an event of a hold does not change.
             * @example 12.34
             */
            readonly balance: string;
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly version: number;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly AccountOpenedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.account.opened";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["AccountOpenedData"];
        };
        readonly AccountOpenedData: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly overdraftLimit: string;
            readonly external: boolean;
            readonly limits: components["schemas"]["LimitValues"];
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly openedAt: string;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        /** @description All limits of the account. */
        readonly LimitValues: {
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly transferMax?: string | null;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly dailyDebitMax?: string | null;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly monthlyDebitMax?: string | null;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly dailyCreditMax?: string | null;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly balanceMax?: string | null;
        } | null;
        readonly AccountChangedEvent: {
            /** @enum {string} */
            readonly specversion: "1.0";
            /**
             * @description Unique in the ledger, for de-duplication.
             * @example 0.1024.3.5b2c0d1e
             */
            readonly id: string;
            /**
             * @description The ledger.
             * @example urn:holdfast:5b2c…
             */
            readonly source: string;
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            readonly type: "holdfast.account.changed";
            /** @description The id of the transfer, group, hold or account. */
            readonly subject: string;
            /**
             * Format: date-time
             * @description When the ledger accepted it.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly time: string;
            /** @enum {string} */
            readonly datacontenttype: "application/json";
            readonly data: components["schemas"]["AccountChangedData"];
        };
        readonly AccountChangedData: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard.
             * @example customer-4711
             */
            readonly accountId: string;
            /**
             * @description ISO 4217 code.
             * @example EUR
             */
            readonly currency?: string;
            /**
             * @description Major units with all the decimals of the currency; negative amounts have a leading `-`.
             * @example 12.34
             */
            readonly overdraftLimit?: string;
            readonly changeId: string;
            /**
             * @description `SUSPENDED` allows no debits, `FROZEN` neither debits nor credits, `CLOSED` is permanent and requires a zero balance.
             * @enum {string}
             */
            readonly status: "ACTIVE" | "SUSPENDED" | "FROZEN" | "CLOSED";
            readonly limits?: components["schemas"]["LimitValues"];
            /** @description Increases by one with every posting of the account, and every event of its holds. */
            readonly settingsVersion: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly acceptedAt: string;
            /** @description The user who requested it. Like all members that follow, present only with `details=true`. */
            readonly user?: string;
            readonly correlationId?: string;
            readonly reference?: string | null;
            readonly metadata?: {
                readonly [key: string]: string;
            } | null;
            /** @description The name of the account. */
            readonly name?: string | null;
        };
        readonly IssuedWebhook: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly webhookId: string;
            /** @description The user who created it. */
            readonly owner: string;
            readonly url: string;
            readonly description: string | null;
            readonly accounts: readonly string[] | null;
            readonly types: readonly ("holdfast.transfer.posted" | "holdfast.transfer.rejected" | "holdfast.group.posted" | "holdfast.group.rejected" | "holdfast.hold.placed" | "holdfast.hold.rejected" | "holdfast.hold.changed" | "holdfast.hold.voided" | "holdfast.hold.expired" | "holdfast.account.opened" | "holdfast.account.changed")[] | null;
            readonly details: boolean;
            /** @description Only events of accounts with these prefixes, to which its creator is restricted; null: all accounts. */
            readonly accountPrefixes: readonly string[] | null;
            /**
             * @description `STOPPED`: deliveries were given up at `position`; nothing is skipped. See `stopReason`.
             * @enum {string}
             */
            readonly state: "ACTIVE" | "PAUSED" | "STOPPED";
            /**
             * @description `failing`: no attempt has succeeded for a day. `gone`: the receiver answered 410. `key_revoked`: the API key with which it was created or resumed was revoked. `events_gone`, `other_log`: its position is no longer in the log. `secret_unreadable`: the key of its secrets is missing.
             * @enum {string|null}
             */
            readonly stopReason: "failing" | "gone" | "key_revoked" | "events_gone" | "other_log" | "secret_unreadable" | null;
            /** @description Everything before it was delivered or filtered out. */
            readonly position: string;
            readonly validSecrets: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly createdAt: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly lastSuccessAt: string | null;
            /**
             * Format: date-time
             * @description Null if the latest attempt succeeded.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly failingSince: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly nextAttemptAt: string | null;
            /** @description The secret of its signatures (`whsec_…`). It is shown only here: null if the request was repeated. If the first answer was lost, rotate it. */
            readonly secret: string | null;
        };
        readonly WebhookRequest: {
            /**
             * @description The id of the webhook, and the idempotency key of its creation. If absent, the `Idempotency-Key` is used, or an id is generated.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e93
             */
            readonly webhookId?: string | null;
            /**
             * @description Where events are sent: `https`, a public address, no user name, password or fragment. Redirects are not followed.
             * @example https://hooks.example/holdfast
             */
            readonly url: string;
            /** @description What the webhook is for, as free text; it has no effect. */
            readonly description?: string | null;
            /**
             * @description Only events of these accounts, up to 20. If absent or null: of all accounts that the creator may use.
             * @example [
             *       "demo-alice"
             *     ]
             */
            readonly accounts?: readonly string[] | null;
            /**
             * @description Only events of these types. If absent or null: of all types.
             * @example [
             *       "holdfast.transfer.posted"
             *     ]
             */
            readonly types?: readonly ("holdfast.transfer.posted" | "holdfast.transfer.rejected" | "holdfast.group.posted" | "holdfast.group.rejected" | "holdfast.hold.placed" | "holdfast.hold.rejected" | "holdfast.hold.changed" | "holdfast.hold.voided" | "holdfast.hold.expired" | "holdfast.account.opened" | "holdfast.account.changed")[] | null;
            /**
             * @description With `true`, the events also have `reference`, `metadata`, `user`, `correlationId` and the names of accounts, unless they have been erased.
             * @default false
             */
            readonly details?: boolean | null;
            /**
             * @description Where it begins: a position from an earlier response, `oldest` or `latest`.
             * @default latest
             */
            readonly after?: string | null;
        };
        readonly WebhookList: {
            readonly items: readonly components["schemas"]["Webhook"][];
            readonly nextCursor: string | null;
        };
        readonly Webhook: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly webhookId: string;
            /** @description The user who created it. */
            readonly owner: string;
            readonly url: string;
            readonly description: string | null;
            readonly accounts: readonly string[] | null;
            readonly types: readonly ("holdfast.transfer.posted" | "holdfast.transfer.rejected" | "holdfast.group.posted" | "holdfast.group.rejected" | "holdfast.hold.placed" | "holdfast.hold.rejected" | "holdfast.hold.changed" | "holdfast.hold.voided" | "holdfast.hold.expired" | "holdfast.account.opened" | "holdfast.account.changed")[] | null;
            readonly details: boolean;
            /** @description Only events of accounts with these prefixes, to which its creator is restricted; null: all accounts. */
            readonly accountPrefixes: readonly string[] | null;
            /**
             * @description `STOPPED`: deliveries were given up at `position`; nothing is skipped. See `stopReason`.
             * @enum {string}
             */
            readonly state: "ACTIVE" | "PAUSED" | "STOPPED";
            /**
             * @description `failing`: no attempt has succeeded for a day. `gone`: the receiver answered 410. `key_revoked`: the API key with which it was created or resumed was revoked. `events_gone`, `other_log`: its position is no longer in the log. `secret_unreadable`: the key of its secrets is missing.
             * @enum {string|null}
             */
            readonly stopReason: "failing" | "gone" | "key_revoked" | "events_gone" | "other_log" | "secret_unreadable" | null;
            /** @description Everything before it was delivered or filtered out. */
            readonly position: string;
            readonly validSecrets: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly createdAt: string;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly lastSuccessAt: string | null;
            /**
             * Format: date-time
             * @description Null if the latest attempt succeeded.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly failingSince: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly nextAttemptAt: string | null;
        };
        readonly WebhookChange: {
            /**
             * @description Where events are sent: `https`, a public address, no user name, password or fragment. Redirects are not followed.
             * @example https://hooks.example/holdfast
             */
            readonly url?: string;
            /** @description What the webhook is for, as free text; it has no effect. */
            readonly description?: string | null;
            /**
             * @description Only events of these accounts, up to 20. If absent or null: of all accounts that the creator may use.
             * @example [
             *       "demo-alice"
             *     ]
             */
            readonly accounts?: readonly string[] | null;
            /**
             * @description Only events of these types. If absent or null: of all types.
             * @example [
             *       "holdfast.transfer.posted"
             *     ]
             */
            readonly types?: readonly ("holdfast.transfer.posted" | "holdfast.transfer.rejected" | "holdfast.group.posted" | "holdfast.group.rejected" | "holdfast.hold.placed" | "holdfast.hold.rejected" | "holdfast.hold.changed" | "holdfast.hold.voided" | "holdfast.hold.expired" | "holdfast.account.opened" | "holdfast.account.changed")[] | null;
            /**
             * @description With `true`, the events also have `reference`, `metadata`, `user`, `correlationId` and the names of accounts, unless they have been erased.
             * @default false
             */
            readonly details?: boolean;
            /**
             * @description `PAUSED`: nothing is sent, and nothing is lost. A `STOPPED` webhook remains stopped until it is resumed.
             * @enum {string}
             */
            readonly state?: "ACTIVE" | "PAUSED";
        };
        readonly WebhookRotation: {
            /**
             * @description The idempotency key of the rotation.
             * @example customer-4711
             */
            readonly secretId?: string | null;
            /**
             * @description How long the other secrets remain valid; at most 30 days. Until then, requests have several signatures.
             * @default 86400
             */
            readonly overlapSeconds?: number | null;
        };
        readonly WebhookReplay: {
            /**
             * @description The position from which events are sent again: from an earlier response, `oldest`, or `latest`.
             * @example oldest
             */
            readonly after: string;
        };
        readonly WebhookDeliveryList: {
            readonly items: readonly components["schemas"]["WebhookDelivery"][];
            readonly nextCursor: string | null;
        };
        readonly WebhookDelivery: {
            readonly attempt: number;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly at: string;
            /** @description The `webhook-id` of the request. */
            readonly messageId: string;
            /** @enum {string} */
            readonly kind: "events" | "test";
            /** @description How many events the request contained. */
            readonly events: number;
            /** @description The position before the events. */
            readonly from: string;
            /** @description The position after the events. */
            readonly to: string;
            /** @description The status of the response; null if there was none. */
            readonly status: number | null;
            /**
             * @description Null if it succeeded.
             * @enum {string|null}
             */
            readonly failure: "address_not_allowed" | "name_not_resolved" | "not_connected" | "tls_failed" | "timeout" | "connection_lost" | "redirect" | "status" | null;
            readonly durationMs: number;
        };
        /** @description Mode, epoch, rule format, processes of an older release, cursor, length and age of the journal, progress of an epoch recovery, owner of Redis (in `DIRECT`), pods, keepers, frozen accounts with the reason, clock offset, breakers, and whether an operator has stopped the ledger (`stopped`). With several shards: `mode` is that of all of them, or `MIXED`, and `shards` has the status of each. */
        readonly OpsStatus: {
            readonly [key: string]: unknown;
        };
        /** @description The length of the sealed log and its last hash (`log`), the latest self-check with at most 100 faults (`lastCheck`, null before the first one), when a self-check last completed without a fault (`lastSuccessAt`), and when all hashes were last walked (`hashesWalkedAt`). With several shards: `shards` has this for each. */
        readonly Audit: {
            readonly [key: string]: unknown;
        };
        /** @description What was compared, and any differences. */
        readonly Reconciliation: {
            readonly [key: string]: unknown;
        };
        /** @description What is waiting for a journal: pods that have not handed over their records (`undrainedPods`), frozen accounts and ids without a known outcome, plus what was dropped earlier. Each list has its total and at most 1,000 items; the list of dropped items also at most 1 MiB. */
        readonly Unsettled: {
            readonly [key: string]: unknown;
        };
        readonly LossAcceptance: {
            /** @description The current epoch of the authority. */
            readonly epoch: number;
            readonly mode: string;
            /** @description Entries and attempts dropped so far; the table `dropped_entries` lists them. */
            readonly dropped: number;
            /** @description False while a keeper is still carrying out the decision; repeat the request to see its progress. */
            readonly done: boolean;
            /** @description With several shards: the transfers from and to this shard that were open before the loss was accepted, at most 1,000 for each pair of shards. Those to this shard are made again, or returned if their destination refuses them now. */
            readonly openTransfers?: readonly components["schemas"]["OpenTransfer"][];
        };
        readonly OpenTransfer: {
            readonly transactionId: string;
            readonly from: number;
            readonly to: number;
        };
        readonly LossAcceptanceRequest: {
            /** @description Number of the shard; required if the ledger has several shards. */
            readonly shard?: number;
            /** @description The epoch of the authority that `GET /v1/ops/unsettled` returned; the request is refused if it has changed since. */
            readonly epoch: number;
            /** @description The reason, in a sentence; it is recorded with your name. */
            readonly reason: string;
        };
        readonly RedisTakeover: {
            /** @description The current epoch of the authority. */
            readonly epoch: number;
            readonly mode: string;
        };
        readonly RedisTakeoverRequest: {
            /** @description Number of the shard; required if the ledger has several shards. */
            readonly shard?: number;
            /** @description `redisOwner.owner` from `GET /v1/ops/status`; null if the Redis is unclaimed. */
            readonly owner: string | null;
            /** @description The reason, in a sentence; it is recorded with your name. */
            readonly reason: string;
        };
        readonly FormatMove: {
            /** @description What cannot be undone. */
            readonly warning: string;
            /** @description The format before this request. */
            readonly from: number;
            /** @description The format of this release. */
            readonly to: number;
            /** @description The current epoch of the authority. */
            readonly epoch: number;
            readonly mode: string;
            readonly dryRun: boolean;
            /** @description What prevents the move; empty if nothing does. */
            readonly obstacles: readonly string[];
            /** @description Whether the ledger is in the format `to`, and open. */
            readonly done: boolean;
        };
        readonly FormatMoveRequest: {
            /** @description Number of the shard; required if the ledger has several shards. */
            readonly shard?: number;
            /** @description `epoch` from `GET /v1/ops/status`; the request is refused if it has changed since. */
            readonly epoch: number;
            /** @description True: only report what would happen. False: move the ledger. */
            readonly dryRun: boolean;
            /** @description The reason, in a sentence; it is recorded with your name. */
            readonly reason: string;
        };
        readonly OpsLive: {
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly at: string;
            readonly processId: string;
            /** @description How many requests for transfers, groups and holds, counted since this pod was started, were answered in at most `leSeconds`; null: regardless of the time taken. The difference between two reports of a pod shows the latencies in between. */
            readonly transferRequests: readonly components["schemas"]["LatencyBucket"][];
            readonly shards: readonly components["schemas"]["OpsLiveShard"][];
        };
        readonly LatencyBucket: {
            readonly leSeconds: number | null;
            readonly count: number;
        };
        readonly OpsLiveShard: {
            readonly shard: number;
            /** @description As this pod last read it; null until it has been read. */
            readonly mode: string | null;
            readonly epoch: number | null;
            readonly stopped: boolean;
            /** @description Whether this pod accepts changes in the shard. */
            readonly open: boolean;
            /** @description The last outcome in the journal of the epoch, by any pod; null in direct mode. */
            readonly seq: number | null;
            /** @description The last outcome that MySQL has. */
            readonly cursor: number | null;
            /** @description How long the oldest outcome that this pod keeps has been waiting for the flush. */
            readonly oldestUnflushedMs: number;
            readonly queuedTransfers: number;
            /** @description Why this pod cannot serve the shard. */
            readonly complaints: readonly string[];
        };
        readonly LedgerStop: {
            /** @description With several shards: whether all of them are stopped. */
            readonly stopped: boolean;
            /** @description Whether the stores that decide confirm the state. If false, a pod may still act on the previous one. */
            readonly enforced: boolean;
            /** @description How many times the ledger has been stopped or released; with several shards, the sum, or null if one of them did not answer. */
            readonly number: number | null;
            /** @description The latest stops and releases, at most 100, the most recent first; with several shards, those of shard 0. */
            readonly changes: readonly components["schemas"]["StopChange"][];
            /** @description Processes of an older release, which do not obey a stop: terminate them. */
            readonly olderProcesses: readonly string[];
            /** @description With several shards: the state of each. */
            readonly shards?: readonly components["schemas"]["ShardStop"][];
        };
        readonly StopChange: {
            /** @description From 1; odd for a stop, even for a release. */
            readonly number: number;
            readonly stopped: boolean;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly at: string;
            /** @description The user name of the operator. */
            readonly by: string;
            readonly reason: string;
            readonly correlationId: string | null;
        };
        readonly ShardStop: {
            readonly shard: number;
            readonly stopped?: boolean;
            readonly enforced?: boolean;
            readonly problem?: components["schemas"]["ShardProblem"];
        };
        /** @description Why the state of the shard is unknown. */
        readonly ShardProblem: {
            readonly code: string;
            readonly detail: string;
        };
        readonly StopRequest: {
            /** @description The reason, in a sentence; it is recorded with your name. */
            readonly reason: string;
        };
        readonly ReleaseRequest: {
            /** @description The reason, in a sentence; it is recorded with your name. */
            readonly reason: string;
            /** @description The `number` that `GET /v1/ops/stop` returned. If the ledger has been stopped or released since then, the request is refused, so that a delayed release cannot end a later stop. */
            readonly number?: number;
        };
        readonly IssuedApiKey: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly keyId: string;
            readonly user: string;
            readonly name: string | null;
            readonly scopes: readonly ("balances:read" | "accounts:write" | "transfers:write" | "webhooks:write" | "ops")[];
            /** @description Null if it may use all accounts. */
            readonly accountPrefixes: readonly string[] | null;
            /** @enum {string} */
            readonly status: "ACTIVE" | "EXPIRED" | "REVOKED";
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly createdAt: string;
            /** @description Null for a key that was not created through this API. */
            readonly createdBy: string | null;
            /**
             * @description The key that this one was rotated from.
             * @example customer-4711
             */
            readonly replaces: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly revokedAt: string | null;
            /**
             * Format: date-time
             * @description Accurate to about ten minutes; null if the key was never used.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly lastUsedAt: string | null;
            /** @description The key to send as `Authorization: Bearer <secret>`. It is returned only once and cannot be read again: null if the request is repeated. If the first answer was lost, revoke the key and create another one. */
            readonly secret: string | null;
        };
        readonly ApiKeyRequest: {
            /**
             * @description The id of the key, which is not secret, and the idempotency key of its creation. If absent, the `Idempotency-Key` is used, or an id is generated.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e93
             */
            readonly keyId?: string | null;
            /** @description Recorded as the user of every posting that the key makes. */
            readonly user: string;
            /** @description What the key is for, as free text; it has no effect. */
            readonly name?: string | null;
            /** @description At most those of the caller. */
            readonly scopes: readonly ("balances:read" | "accounts:write" | "transfers:write" | "webhooks:write" | "ops")[];
            /**
             * @description The key may use only accounts whose ids begin with one of these. End a prefix with a separator: `acme` also allows `acme-2`, `acme:` does not. Cannot be combined with the scope `ops`. If absent, the key may use all accounts.
             * @example [
             *       "acme:"
             *     ]
             */
            readonly accountPrefixes?: readonly string[] | null;
            /**
             * Format: date-time
             * @description When it expires. If absent, it does not expire.
             */
            readonly expiresAt?: string;
        };
        readonly ApiKeyList: {
            readonly items: readonly components["schemas"]["ApiKey"][];
            readonly nextCursor: string | null;
        };
        readonly ApiKey: {
            /**
             * @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte.
             * @example customer-4711
             */
            readonly keyId: string;
            readonly user: string;
            readonly name: string | null;
            readonly scopes: readonly ("balances:read" | "accounts:write" | "transfers:write" | "webhooks:write" | "ops")[];
            /** @description Null if it may use all accounts. */
            readonly accountPrefixes: readonly string[] | null;
            /** @enum {string} */
            readonly status: "ACTIVE" | "EXPIRED" | "REVOKED";
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly createdAt: string;
            /** @description Null for a key that was not created through this API. */
            readonly createdBy: string | null;
            /**
             * @description The key that this one was rotated from.
             * @example customer-4711
             */
            readonly replaces: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly expiresAt: string | null;
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly revokedAt: string | null;
            /**
             * Format: date-time
             * @description Accurate to about ten minutes; null if the key was never used.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly lastUsedAt: string | null;
        };
        readonly KeyRotationRequest: {
            /**
             * @description The id of the new key.
             * @example 019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e93
             */
            readonly keyId?: string | null;
            /**
             * Format: date-time
             * @description When the new key expires. If absent, it does not expire.
             */
            readonly expiresAt?: string;
            /**
             * @description How long the old key remains valid; at most 30 days.
             * @default 86400
             */
            readonly overlapSeconds?: number | null;
        };
        readonly KeyRevocationRequest: {
            /** @description For the log. */
            readonly reason?: string | null;
        };
        readonly KeyLog: {
            readonly items: readonly components["schemas"]["KeyLogEntry"][];
            readonly nextCursor: string | null;
        };
        readonly KeyLogEntry: {
            /**
             * Format: date-time
             * @description RFC 3339, UTC, milliseconds.
             * @example 2026-01-31T12:00:00.000Z
             */
            readonly at: string;
            /**
             * @description `REFUSED`: the caller lacked rights, or tried to revoke the last key with the scope `ops`.
             * @enum {string}
             */
            readonly action: "CREATED" | "ROTATED" | "REVOKED" | "SEEDED" | "REFUSED";
            /**
             * @description The key that was created, rotated or revoked.
             * @example customer-4711
             */
            readonly keyId: string;
            /** @description The user who made the request. */
            readonly user: string;
            /**
             * @description The key with which the request was made; null for a JWT.
             * @example customer-4711
             */
            readonly userKeyId: string | null;
            readonly correlationId: string | null;
            /** @description What was requested. */
            readonly content: {
                readonly [key: string]: unknown;
            };
        };
        readonly Liveness: {
            /** @enum {boolean} */
            readonly alive: true;
        };
        readonly Readiness: {
            readonly ready: boolean;
            /** @description Why the pod is not ready. */
            readonly reasons: readonly string[];
        };
        readonly Caller: {
            /** @description The user name that is recorded for the actions of the caller. */
            readonly user: string;
            readonly scopes: readonly ("balances:read" | "accounts:write" | "transfers:write" | "webhooks:write" | "ops")[];
            /** @description The caller may use only accounts whose ids begin with one of these; null: all accounts. */
            readonly accountPrefixes: readonly string[] | null;
        };
        readonly OpenApiDocument: {
            readonly [key: string]: unknown;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    readonly getAccounts: {
        readonly parameters: {
            readonly query?: {
                /** @description Only accounts whose ids begin with this text. */
                readonly prefix?: string;
                /** @description ISO 4217 code. */
                readonly currency?: string;
                /** @description `SUSPENDED` allows no debits, `FROZEN` neither debits nor credits, `CLOSED` is permanent and requires a zero balance. */
                readonly status?: "ACTIVE" | "SUSPENDED" | "FROZEN" | "CLOSED";
                /** @description By id, compared byte by byte. */
                readonly order?: "asc" | "desc";
                /** @description The `nextCursor` of an earlier response to the same query. It stays valid. */
                readonly cursor?: string;
                readonly limit?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of accounts */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AccountList"];
                };
            };
        };
    };
    readonly postAccounts: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "accountId": "customer-4711",
                 *       "currency": "EUR",
                 *       "overdraftLimit": "100.00",
                 *       "name": "Ada Lovelace"
                 *     }
                 */
                readonly "application/json": components["schemas"]["AccountOpeningRequest"];
            };
        };
        readonly responses: {
            /** @description The account already existed with the same content */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OpenedAccount"];
                };
            };
            /** @description Opened */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OpenedAccount"];
                };
            };
        };
    };
    readonly postAccountsBatch: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "accounts": [
                 *         {
                 *           "accountId": "customer-4711",
                 *           "currency": "EUR",
                 *           "overdraftLimit": "100.00",
                 *           "name": "Ada Lovelace"
                 *         },
                 *         {
                 *           "accountId": "customer-4712",
                 *           "currency": "EUR",
                 *           "name": "Grace Hopper"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["AccountBatch"];
            };
        };
        readonly responses: {
            /** @description One outcome per account, in request order */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AccountBatchAnswer"];
                };
            };
        };
    };
    readonly getAccountsId: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The account */
            readonly 200: {
                headers: {
                    /** @description The `settingsVersion`, for `If-Match`. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Account"];
                };
            };
        };
    };
    readonly patchAccountsId: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Change the account only at this `settingsVersion`; 412 if it has changed. `"3"` or `3`. */
                readonly "If-Match"?: string;
            };
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "overdraftLimit": "100.00"
                 *     }
                 */
                readonly "application/json": components["schemas"]["AccountChangeRequest"];
            };
        };
        readonly responses: {
            /** @description The settings after the change */
            readonly 200: {
                headers: {
                    /** @description The new `settingsVersion`. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["AccountSettings"];
                };
            };
        };
    };
    readonly getAccountsIdLimits: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The limits */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LimitUsage"];
                };
            };
        };
    };
    readonly getAccountsIdBalance: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The `ETag` of an earlier response: the response is 304 while the balance still has that version. */
                readonly "If-None-Match"?: string;
            };
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The balance */
            readonly 200: {
                headers: {
                    /** @description The `version`. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Balance"];
                };
            };
            /** @description The balance still has the version given in `If-None-Match` */
            readonly 304: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly postBalancesQuery: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "accountIds": [
                 *         "demo-alice",
                 *         "demo-bob"
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["BalanceQuery"];
            };
        };
        readonly responses: {
            /** @description In request order; an id that is requested twice is returned once */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["BalanceQueryAnswer"];
                };
            };
        };
    };
    readonly getAccountsIdPostings: {
        readonly parameters: {
            readonly query?: {
                /** @description `asc`: oldest first. `desc`: newest first. */
                readonly order?: "asc" | "desc";
                /** @description Accepted at or after this time. */
                readonly from?: string;
                /** @description Accepted before this time. */
                readonly to?: string;
                /** @description The `nextCursor` or the `previousCursor` of an earlier response. It is a place between two items, so it stays valid, and may also be used with the other `order`. */
                readonly cursor?: string;
                readonly limit?: number;
                /** @description `false` leaves out the events of holds. */
                readonly holds?: boolean;
                /** @description Only items of these kinds, separated by commas: transfer, reversal, capture, hold_placed, hold_changed, hold_voided, hold_expired. */
                readonly kind?: string;
                /** @description Only transfers from this account (`debit`), or only transfers to it (`credit`). */
                readonly direction?: "debit" | "credit";
                /** @description Only transfers of at least this amount, in either direction, in major units. */
                readonly minAmount?: string;
                /** @description Only transfers of at most this amount, in either direction, in major units. */
                readonly maxAmount?: string;
                /** @description The balance at this time, with the last item accepted at or before it. Cannot be combined with other parameters. */
                readonly at?: string;
            };
            readonly header?: never;
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of the history; with `at`, the balance at that time */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["PostingListOrBalance"];
                };
            };
        };
    };
    readonly getAccountsIdStatement: {
        readonly parameters: {
            readonly query: {
                /** @description The start of the period, inclusive, as a time of acceptance. */
                readonly from: string;
                /** @description The end of the period, exclusive. It must not be in the future. */
                readonly to: string;
                /** @description `csv` or `camt.053`. By default, the `Accept` header decides; without one, CSV. */
                readonly format?: "csv" | "camt.053";
            };
            readonly header?: never;
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The statement */
            readonly 200: {
                headers: {
                    /** @description A name for the file. */
                    readonly "Content-Disposition"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example type,acceptedAt,version,amount,currency,balance,transactionId,counterparty,counterpartyName,reference,timestamp,groupId,reverses,holdId,metadata,user,correlationId
                     *     opening_balance,2026-01-01T00:00:00.000Z,1,,EUR,10.00,,,,,,,,,,,
                     *     transfer,2026-01-01T00:00:00.001Z,2,-12.50,EUR,-2.50,"019ad3c2-7a11-7b52-8f06-d1c4e0a97b35","shop","Shop","Invoice 7",2026-01-01T00:00:00.001Z,,,,,"tester","c"
                     *     closing_balance,2026-01-02T00:00:00.000Z,3,,EUR,-2.50,,,,,,,,,,,
                     */
                    readonly "text/csv": string;
                    /**
                     * @example <?xml version="1.0" encoding="UTF-8"?>
                     *     <Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
                     *     <BkToCstmrStmt>
                     *     <GrpHdr><MsgId>019ad3c27a117b528f06d1c4e0a97b35</MsgId><CreDtTm>2026-01-02T01:00:00.000Z</CreDtTm></GrpHdr>
                     *     <Stmt>
                     *     <Id>d4635a847e91f9b8cc0c2f0dab0b1bba36d</Id><CreDtTm>2026-01-02T01:00:00.000Z</CreDtTm><FrToDt><FrDtTm>2026-01-01T00:00:00.000Z</FrDtTm><ToDtTm>2026-01-02T00:00:00.000Z</ToDtTm></FrToDt><Acct><Id><Othr><Id>ada</Id></Othr></Id><Ccy>EUR</Ccy><Ownr><Nm>Ada</Nm></Ownr></Acct>
                     *     <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><DtTm>2026-01-01T00:00:00.000Z</DtTm></Dt></Bal>
                     *     <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">2.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Dt><DtTm>2026-01-02T00:00:00.000Z</DtTm></Dt></Bal>
                     *     <Ntry><NtryRef>2</NtryRef><Amt Ccy="EUR">12.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>2026-01-01T00:00:00.001Z</DtTm></BookgDt><ValDt><DtTm>2026-01-01T00:00:00.001Z</DtTm></ValDt><AcctSvcrRef>019ad3c27a117b528f06d1c4e0a97b35</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>BOOK</SubFmlyCd></Fmly></Domn><Prtry><Cd>transfer</Cd><Issr>Holdfast</Issr></Prtry></BkTxCd><NtryDtls><TxDtls><Refs><TxId>019ad3c27a117b528f06d1c4e0a97b35</TxId></Refs><RltdPties><Cdtr><Pty><Nm>Shop</Nm></Pty></Cdtr><CdtrAcct><Id><Othr><Id>shop</Id></Othr></Id></CdtrAcct></RltdPties><RmtInf><Ustrd>Invoice 7</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
                     *     </Stmt>
                     *     </BkToCstmrStmt>
                     *     </Document>
                     */
                    readonly "application/xml": string;
                };
            };
        };
    };
    readonly getTransfers: {
        readonly parameters: {
            readonly query?: {
                /** @description Only transfers from or to this account. Required for an API key that may use only some accounts. */
                readonly account?: string;
                /** @description Only transfers between `account` and this account, in either direction. */
                readonly counterparty?: string;
                /** @description `PENDING` occurs only with several shards. */
                readonly status?: "POSTED" | "REJECTED" | "PENDING";
                readonly kind?: "transfer" | "reversal" | "capture";
                /** @description Only transfers with exactly this reference. */
                readonly reference?: string;
                /** @description Only transfers whose metadata has `metadataValue` under this key. */
                readonly metadataKey?: string;
                readonly metadataValue?: string;
                /** @description ISO 4217 code. */
                readonly currency?: string;
                /** @description Only transfers of at least this amount, in major units of `currency`. */
                readonly minAmount?: string;
                /** @description Only transfers of at most this amount, in major units of `currency`. */
                readonly maxAmount?: string;
                /** @description Accepted at or after this time. */
                readonly from?: string;
                /** @description Accepted before this time. */
                readonly to?: string;
                /** @description `desc`: newest first. `asc`: oldest first. By the time of acceptance. */
                readonly order?: "asc" | "desc";
                /** @description The `nextCursor` of an earlier response to the same query. It stays valid. */
                readonly cursor?: string;
                readonly limit?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of transfers */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TransferList"];
                };
            };
        };
    };
    readonly postTransfers: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The `transactionId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "sourceAccount": "demo-alice",
                 *       "destinationAccount": "demo-bob",
                 *       "amount": "1.00",
                 *       "currency": "EUR",
                 *       "reference": "Invoice 2026-0042",
                 *       "metadata": {
                 *         "invoice": "2026-0042"
                 *       }
                 *     }
                 */
                readonly "application/json": components["schemas"]["TransferRequest"];
            };
        };
        readonly responses: {
            /** @description A transfer with the same id and content was already posted; or, for a dry run, what would happen */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TransferOrPreview"];
                };
            };
            /** @description Posted */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Transfer"];
                };
            };
        };
    };
    readonly postTransfersBatch: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description Items without a `transactionId` get `<key>.<index>`, counting from 0. An id, bare or in double quotes. Refused if the body has a `batchId`. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "transfers": [
                 *         {
                 *           "sourceAccount": "demo-alice",
                 *           "destinationAccount": "demo-bob",
                 *           "amount": "1.00",
                 *           "currency": "EUR"
                 *         },
                 *         {
                 *           "sourceAccount": "demo-alice",
                 *           "destinationAccount": "demo-bob",
                 *           "amount": "2.00",
                 *           "currency": "EUR"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["TransferBatch"];
            };
        };
        readonly responses: {
            /** @description One outcome per transfer, in request order */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TransferBatchAnswer"];
                };
            };
        };
    };
    readonly getTransfersTransactionId: {
        readonly parameters: {
            readonly query?: {
                /** @description The source account of the transfer. With several shards, only the shard of this account is queried, so the answer is faster, and is unambiguous even if several shards have this id. */
                readonly sourceAccount?: string;
            };
            readonly header?: never;
            readonly path: {
                /** @description The id of a transfer, as its client chose it. */
                readonly transactionId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The transfer */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TransferRecord"];
                };
            };
        };
    };
    readonly postTransfersTransactionIdReversal: {
        readonly parameters: {
            readonly query?: {
                /** @description The source account of the transfer. With several shards, only the shard of this account is queried, so the answer is faster, and is unambiguous even if several shards have this id. */
                readonly sourceAccount?: string;
            };
            readonly header?: never;
            readonly path: {
                /** @description The id of a transfer, as its client chose it. */
                readonly transactionId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                /**
                 * @example {
                 *       "durability": "persisted"
                 *     }
                 */
                readonly "application/json": components["schemas"]["ReversalRequest"];
            };
        };
        readonly responses: {
            /** @description A transfer with the same id and content was already posted */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Transfer"];
                };
            };
            /** @description Posted */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Transfer"];
                };
            };
        };
    };
    readonly getOpsReturnedMoney: {
        readonly parameters: {
            readonly query?: {
                /** @description Only this shard. All shards by default. */
                readonly shard?: number;
                /** @description `unpaid`: only money that has not been paid out. `all`: also money that has. */
                readonly state?: "unpaid" | "all";
                readonly limit?: number;
                /** @description The `nextCursor` of an earlier response. */
                readonly cursor?: string;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The returned money in MySQL, oldest first in each shard and currency */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ReturnedMoneyList"];
                };
            };
        };
    };
    readonly postOpsReturnedMoney: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "shard": 0,
                 *       "transactionId": "019b7650-2c00-7000-8000-000000000002",
                 *       "destinationAccount": "demo-alice",
                 *       "amount": "1.00",
                 *       "currency": "EUR",
                 *       "reason": "The customer named this account, see ticket 4711."
                 *     }
                 */
                readonly "application/json": components["schemas"]["PayoutRequest"];
            };
        };
        readonly responses: {
            /** @description It had already been paid out to this account */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["PaidOut"];
                };
            };
            /** @description Paid out */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["PaidOut"];
                };
            };
        };
    };
    readonly getBatchesBatchId: {
        readonly parameters: {
            readonly query?: {
                /** @description The user who posted the batch; by default the caller. Naming another user requires `balances:read`. */
                readonly postedBy?: string;
            };
            readonly header?: never;
            readonly path: {
                /** @description Names a batch, which may be sent in any number of requests. It belongs to the user who sends it. 1–64 characters of `A–Z a–z 0–9 . _ : -`. */
                readonly batchId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The batch */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Batch"];
                };
            };
        };
    };
    readonly getBatchesBatchIdTransfers: {
        readonly parameters: {
            readonly query?: {
                /** @description The user who posted the batch; by default the caller. Naming another user requires `balances:read`. */
                readonly postedBy?: string;
                /** @description Only items that were recorded in this state. */
                readonly status?: "POSTED" | "REJECTED" | "FAILED" | "UNDECIDED";
                /** @description The `nextCursor` of the previous response. */
                readonly cursor?: string;
                readonly limit?: number;
            };
            readonly header?: never;
            readonly path: {
                /** @description Names a batch, which may be sent in any number of requests. It belongs to the user who sends it. 1–64 characters of `A–Z a–z 0–9 . _ : -`. */
                readonly batchId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of items */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["BatchItemList"];
                };
            };
        };
    };
    readonly postTransfersGroup: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The `groupId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "transfers": [
                 *         {
                 *           "sourceAccount": "demo-alice",
                 *           "destinationAccount": "demo-bob",
                 *           "amount": "1.00",
                 *           "currency": "EUR"
                 *         },
                 *         {
                 *           "sourceAccount": "demo-bob",
                 *           "destinationAccount": "world",
                 *           "amount": "0.10",
                 *           "currency": "EUR",
                 *           "reference": "Fee"
                 *         }
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["TransferGroupRequest"];
            };
        };
        readonly responses: {
            /** @description A group with the same id and content was already posted; or, for a dry run, what would happen */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TransferGroupOrPreview"];
                };
            };
            /** @description Posted */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TransferGroup"];
                };
            };
        };
    };
    readonly postTransfersSplit: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The `groupId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "sourceAccount": "demo-alice",
                 *       "amount": "1.00",
                 *       "currency": "EUR",
                 *       "destinations": [
                 *         {
                 *           "account": "world",
                 *           "amount": "0.10"
                 *         },
                 *         {
                 *           "account": "demo-bob",
                 *           "remaining": true
                 *         }
                 *       ],
                 *       "reference": "Order 2026-0042"
                 *     }
                 */
                readonly "application/json": components["schemas"]["TransferSplitRequest"];
            };
        };
        readonly responses: {
            /** @description A group with the same id and content was already posted; or, for a dry run, what would happen */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TransferSplitOrPreview"];
                };
            };
            /** @description Posted */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TransferSplit"];
                };
            };
        };
    };
    readonly getTransfersGroupGroupId: {
        readonly parameters: {
            readonly query?: {
                /** @description Any account of the group. With several shards, only the shard of this account is queried, so the answer is faster, does not depend on other shards, and is unambiguous even if several shards have this id. */
                readonly account?: string;
            };
            readonly header?: never;
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte. */
                readonly groupId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The group */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["TransferGroupRecord"];
                };
            };
        };
    };
    readonly postHolds: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The `holdId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "account": "demo-alice",
                 *       "destinationAccount": "demo-bob",
                 *       "amount": "1.00",
                 *       "currency": "EUR",
                 *       "reference": "Order 2026-0042"
                 *     }
                 */
                readonly "application/json": components["schemas"]["HoldRequest"];
            };
        };
        readonly responses: {
            /** @description A hold with the same id and content was already placed; or, for a dry run, what would happen */
            readonly 200: {
                headers: {
                    /** @description The `revision`, for `If-Match`. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HoldOrPreview"];
                };
            };
            /** @description Placed */
            readonly 201: {
                headers: {
                    /** @description The `revision`, for `If-Match`. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Hold"];
                };
            };
        };
    };
    readonly postHoldsHoldIdCapture: {
        readonly parameters: {
            readonly query?: {
                /** @description The account of the hold. With several shards, only the shard of this account is queried, so the answer is faster, does not depend on other shards, and is unambiguous even if several shards have this id. */
                readonly account?: string;
            };
            readonly header?: {
                /** @description The `transactionId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte. */
                readonly holdId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                /**
                 * @example {
                 *       "amount": "15.00"
                 *     }
                 */
                readonly "application/json": components["schemas"]["CaptureRequest"];
            };
        };
        readonly responses: {
            /** @description The same capture was already made; or, for a dry run, what would happen */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["CaptureOrPreview"];
                };
            };
            /** @description Captured */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Capture"];
                };
            };
        };
    };
    readonly postHoldsHoldIdVoid: {
        readonly parameters: {
            readonly query?: {
                /** @description The account of the hold. With several shards, only the shard of this account is queried, so the answer is faster, does not depend on other shards, and is unambiguous even if several shards have this id. */
                readonly account?: string;
            };
            readonly header?: never;
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte. */
                readonly holdId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                /**
                 * @example {
                 *       "durability": "persisted"
                 *     }
                 */
                readonly "application/json": components["schemas"]["HoldVoidRequest"];
            };
        };
        readonly responses: {
            /** @description The hold afterwards; or, for a dry run, what would happen */
            readonly 200: {
                headers: {
                    /** @description The `revision`, for `If-Match`. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ChangedHoldOrPreview"];
                };
            };
        };
    };
    readonly getHoldsHoldId: {
        readonly parameters: {
            readonly query?: {
                /** @description The account of the hold. With several shards, only the shard of this account is queried, so the answer is faster, does not depend on other shards, and is unambiguous even if several shards have this id. */
                readonly account?: string;
            };
            readonly header?: never;
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte. */
                readonly holdId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The hold */
            readonly 200: {
                headers: {
                    /** @description The `revision`, for `If-Match`. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HoldRecord"];
                };
            };
        };
    };
    readonly patchHoldsHoldId: {
        readonly parameters: {
            readonly query?: {
                /** @description The account of the hold. With several shards, only the shard of this account is queried, so the answer is faster, does not depend on other shards, and is unambiguous even if several shards have this id. */
                readonly account?: string;
            };
            readonly header: {
                /** @description Change the hold only at this `revision`; 412 if it has changed. `"3"` or `3`; `*` allows any revision. */
                readonly "If-Match": string;
            };
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : -`, compared byte by byte. */
                readonly holdId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "amount": "20.00"
                 *     }
                 */
                readonly "application/json": components["schemas"]["HoldChangeRequest"];
            };
        };
        readonly responses: {
            /** @description The hold after the change; or, for a dry run, what would happen */
            readonly 200: {
                headers: {
                    /** @description The `revision`, for `If-Match`. */
                    readonly ETag?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ChangedHoldOrPreview"];
                };
            };
        };
    };
    readonly getAccountsIdHolds: {
        readonly parameters: {
            readonly query?: {
                readonly status?: "OPEN" | "CAPTURED" | "VOIDED" | "EXPIRED";
                /** @description The `nextCursor` of the previous response. */
                readonly cursor?: string;
                readonly limit?: number;
            };
            readonly header?: never;
            readonly path: {
                /** @description 1–64 characters of `A–Z a–z 0–9 . _ : @ -`, compared byte by byte. Accounts with the same text after the last `@` are in the same shard. */
                readonly id: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of holds */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["HoldList"];
                };
            };
        };
    };
    readonly getEvents: {
        readonly parameters: {
            readonly query?: {
                /** @description Only events of these accounts: up to 20 ids, separated by commas. */
                readonly account?: string;
                /** @description Only events of these types, separated by commas: `holdfast.transfer.posted`, `holdfast.transfer.rejected`, `holdfast.group.posted`, `holdfast.group.rejected`, `holdfast.hold.placed`, `holdfast.hold.rejected`, `holdfast.hold.changed`, `holdfast.hold.voided`, `holdfast.hold.expired`, `holdfast.account.opened`, `holdfast.account.changed`. */
                readonly type?: string;
                /** @description With `true`, the events also have `reference`, `metadata`, `user`, `correlationId` and the names of accounts, unless they have been erased. */
                readonly details?: "true" | "false";
                /** @description A position from an earlier response, `oldest` or `latest`. Defaults to `latest`, or `Last-Event-ID`, which takes precedence. */
                readonly after?: string;
            };
            readonly header?: {
                /** @description The `id` of the last block that was received; the stream resumes after it. */
                readonly "Last-Event-ID"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A stream of events, which stays open */
            readonly 200: {
                headers: {
                    /** @description `no`: proxies must not buffer the stream. */
                    readonly "X-Accel-Buffering"?: string;
                    readonly [name: string]: unknown;
                };
                content: {
                    /**
                     * @example retry: 2817
                     *     id: 1023~94ab01c7
                     *
                     *     id: 1024.3~5b2c0d1e
                     *     data: {"specversion":"1.0","id":"0.1024.3.5b2c0d1e","source":"urn:holdfast:0f6c1d2e3b4a59687786954a3b2c1d0e","type":"holdfast.transfer.posted","subject":"019b7650-2c00-7000-8000-000000000002","time":"2026-01-31T12:00:00.000Z","datacontenttype":"application/json","data":{"transactionId":"019b7650-2c00-7000-8000-000000000002","status":"POSTED","kind":"transfer","sourceAccount":"world","destinationAccount":"demo-alice","amount":"25.00","currency":"EUR","timestamp":"2026-01-31T12:00:00.000Z","acceptedAt":"2026-01-31T12:00:00.000Z","sourceBalance":"-25.00","sourceVersion":1,"destinationBalance":"25.00","destinationVersion":1}}
                     *
                     *     :
                     *     id: 1026~0e77d3f2
                     */
                    readonly "text/event-stream": string;
                };
            };
        };
    };
    readonly getEventsPage: {
        readonly parameters: {
            readonly query?: {
                /** @description Only events of these accounts: up to 20 ids, separated by commas. */
                readonly account?: string;
                /** @description Only events of these types, separated by commas: `holdfast.transfer.posted`, `holdfast.transfer.rejected`, `holdfast.group.posted`, `holdfast.group.rejected`, `holdfast.hold.placed`, `holdfast.hold.rejected`, `holdfast.hold.changed`, `holdfast.hold.voided`, `holdfast.hold.expired`, `holdfast.account.opened`, `holdfast.account.changed`. */
                readonly type?: string;
                /** @description With `true`, the events also have `reference`, `metadata`, `user`, `correlationId` and the names of accounts, unless they have been erased. */
                readonly details?: "true" | "false";
                /** @description A position from an earlier response, `oldest` or `latest`. Defaults to `oldest`. */
                readonly after?: string;
                /** @description Maximum number of events in the page, at most 1000. */
                readonly limit?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of events, oldest first */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["EventPage"];
                };
            };
        };
    };
    readonly getWebhooks: {
        readonly parameters: {
            readonly query?: {
                /** @description The `nextCursor` of the previous response. */
                readonly cursor?: string;
                readonly limit?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of webhooks */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["WebhookList"];
                };
            };
        };
    };
    readonly postWebhooks: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The `webhookId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "url": "https://hooks.example/holdfast",
                 *       "accounts": [
                 *         "demo-nobody"
                 *       ],
                 *       "types": [
                 *         "holdfast.transfer.posted"
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["WebhookRequest"];
            };
        };
        readonly responses: {
            /** @description The same webhook was already created; its secret is not shown again */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["IssuedWebhook"];
                };
            };
            /** @description Created */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["IssuedWebhook"];
                };
            };
        };
    };
    readonly getWebhooksWebhookId: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The id of a webhook. */
                readonly webhookId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The webhook */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Webhook"];
                };
            };
        };
    };
    readonly deleteWebhooksWebhookId: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The id of a webhook. */
                readonly webhookId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The webhook no longer exists */
            readonly 204: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly patchWebhooksWebhookId: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The id of a webhook. */
                readonly webhookId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "description": "Changed in /docs"
                 *     }
                 */
                readonly "application/json": components["schemas"]["WebhookChange"];
            };
        };
        readonly responses: {
            /** @description The webhook */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Webhook"];
                };
            };
        };
    };
    readonly postWebhooksWebhookIdRotate: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The `secretId` for a body without one; if both are given, they must be equal. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path: {
                /** @description The id of a webhook. */
                readonly webhookId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                /**
                 * @example {
                 *       "overlapSeconds": 0
                 *     }
                 */
                readonly "application/json": components["schemas"]["WebhookRotation"];
            };
        };
        readonly responses: {
            /** @description The same rotation was already made; the secret is not shown again */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["IssuedWebhook"];
                };
            };
            /** @description The webhook, with the new secret */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["IssuedWebhook"];
                };
            };
        };
    };
    readonly postWebhooksWebhookIdTest: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The id of a webhook. */
                readonly webhookId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description It will be sent */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    readonly postWebhooksWebhookIdReplay: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The id of a webhook. */
                readonly webhookId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "after": "oldest"
                 *     }
                 */
                readonly "application/json": components["schemas"]["WebhookReplay"];
            };
        };
        readonly responses: {
            /** @description The webhook at its new position */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Webhook"];
                };
            };
        };
    };
    readonly postWebhooksWebhookIdResume: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The id of a webhook. */
                readonly webhookId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The webhook */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Webhook"];
                };
            };
        };
    };
    readonly getWebhooksWebhookIdDeliveries: {
        readonly parameters: {
            readonly query?: {
                /** @description The `nextCursor` of the previous response. */
                readonly cursor?: string;
                readonly limit?: number;
            };
            readonly header?: never;
            readonly path: {
                /** @description The id of a webhook. */
                readonly webhookId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of attempts */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["WebhookDeliveryList"];
                };
            };
        };
    };
    readonly getOpsStatus: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The status */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OpsStatus"];
                };
            };
        };
    };
    readonly getOpsAudit: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The sealed log and its latest self-check */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Audit"];
                };
            };
        };
    };
    readonly postOpsReconciliations: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Run a reconciliation now */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Reconciliation"];
                };
            };
        };
    };
    readonly getOpsUnsettled: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description Pods that have not handed over their records, frozen accounts, ids in doubt */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Unsettled"];
                };
            };
        };
    };
    readonly postOpsLossAcceptances: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "epoch": 7,
                 *       "reason": "The disk of the old Redis is lost, see incident 4711."
                 *     }
                 */
                readonly "application/json": components["schemas"]["LossAcceptanceRequest"];
            };
        };
        readonly responses: {
            /** @description The loss is accepted, and the ledger is open */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LossAcceptance"];
                };
            };
            /** @description The loss is accepted, and a keeper is applying it: see `recovery` in `GET /v1/ops/status` */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LossAcceptance"];
                };
            };
        };
    };
    readonly postOpsRedisTakeovers: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "owner": "4f1d2c3b5a69788796a5b4c3d2e1f001",
                 *       "reason": "The other ledger was shut down for good on Monday."
                 *     }
                 */
                readonly "application/json": components["schemas"]["RedisTakeoverRequest"];
            };
        };
        readonly responses: {
            /** @description The Redis now belongs to this ledger */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["RedisTakeover"];
                };
            };
        };
    };
    readonly postOpsFormat: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "epoch": 7,
                 *       "dryRun": true,
                 *       "reason": "Every pod and keeper has run 0.2.0 since Monday."
                 *     }
                 */
                readonly "application/json": components["schemas"]["FormatMoveRequest"];
            };
        };
        readonly responses: {
            /** @description With `dryRun: true`, what would happen. Otherwise: the ledger is open in the format of this release, and no request gets `feature_not_active` */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["FormatMove"];
                };
            };
            /** @description The format has changed, and keepers are recovering the last epoch of the older one */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["FormatMove"];
                };
            };
        };
    };
    readonly getOpsLive: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The state of this pod */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OpsLive"];
                };
            };
        };
    };
    readonly getOpsStop: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The current state, and the latest stops and releases */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LedgerStop"];
                };
            };
        };
    };
    readonly postOpsStop: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "reason": "Wrong prices since 09:40, see incident 4711."
                 *     }
                 */
                readonly "application/json": components["schemas"]["StopRequest"];
            };
        };
        readonly responses: {
            /** @description All stores obey */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LedgerStop"];
                };
            };
            /** @description Recorded, but a store did not confirm it in time; the pods keep trying. Repeat the request until the response is 200 */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LedgerStop"];
                };
            };
        };
    };
    readonly postOpsRelease: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "reason": "The prices are corrected."
                 *     }
                 */
                readonly "application/json": components["schemas"]["ReleaseRequest"];
            };
        };
        readonly responses: {
            /** @description All stores obey */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LedgerStop"];
                };
            };
            /** @description Recorded, but a store did not confirm it in time; the pods keep trying. Repeat the request until the response is 200 */
            readonly 202: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["LedgerStop"];
                };
            };
        };
    };
    readonly getOpsKeys: {
        readonly parameters: {
            readonly query?: {
                /** @description The `nextCursor` of the previous response. */
                readonly cursor?: string;
                readonly limit?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of keys */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ApiKeyList"];
                };
            };
        };
    };
    readonly postOpsKeys: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The `keyId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody: {
            readonly content: {
                /**
                 * @example {
                 *       "user": "card-processor",
                 *       "scopes": [
                 *         "balances:read",
                 *         "transfers:write"
                 *       ],
                 *       "accountPrefixes": [
                 *         "acme:"
                 *       ]
                 *     }
                 */
                readonly "application/json": components["schemas"]["ApiKeyRequest"];
            };
        };
        readonly responses: {
            /** @description The same key was already created; its secret is not shown again */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["IssuedApiKey"];
                };
            };
            /** @description Created */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["IssuedApiKey"];
                };
            };
        };
    };
    readonly getOpsKeysKeyId: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The id of a key. */
                readonly keyId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The key */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ApiKey"];
                };
            };
        };
    };
    readonly postOpsKeysKeyIdRotate: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: {
                /** @description The `keyId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes. */
                readonly "Idempotency-Key"?: string;
            };
            readonly path: {
                /** @description The id of a key. */
                readonly keyId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                /**
                 * @example {
                 *       "overlapSeconds": 86400
                 *     }
                 */
                readonly "application/json": components["schemas"]["KeyRotationRequest"];
            };
        };
        readonly responses: {
            /** @description The same rotation was already made; the secret is not shown again */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["IssuedApiKey"];
                };
            };
            /** @description The new key */
            readonly 201: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["IssuedApiKey"];
                };
            };
        };
    };
    readonly postOpsKeysKeyIdRevoke: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path: {
                /** @description The id of a key. */
                readonly keyId: string;
            };
            readonly cookie?: never;
        };
        readonly requestBody?: {
            readonly content: {
                /**
                 * @example {
                 *       "reason": "Found in a public repository"
                 *     }
                 */
                readonly "application/json": components["schemas"]["KeyRevocationRequest"];
            };
        };
        readonly responses: {
            /** @description The revoked key */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["ApiKey"];
                };
            };
        };
    };
    readonly getOpsKeyLog: {
        readonly parameters: {
            readonly query?: {
                /** @description The `nextCursor` of the previous response. */
                readonly cursor?: string;
                readonly limit?: number;
            };
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description A page of the log */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["KeyLog"];
                };
            };
        };
    };
    readonly getLivez: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description It is */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Liveness"];
                };
            };
        };
    };
    readonly getReadyz: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The pod can serve requests */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    readonly getMetrics: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The metrics */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/plain": string;
                };
            };
        };
    };
    readonly getCaller: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The caller */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["Caller"];
                };
            };
        };
    };
    readonly getConsole: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The page */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/html": string;
                };
            };
        };
    };
    readonly getOpenapiJson: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The document */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "application/json": components["schemas"]["OpenApiDocument"];
                };
            };
        };
    };
    readonly getDocs: {
        readonly parameters: {
            readonly query?: never;
            readonly header?: never;
            readonly path?: never;
            readonly cookie?: never;
        };
        readonly requestBody?: never;
        readonly responses: {
            /** @description The page */
            readonly 200: {
                headers: {
                    readonly [name: string]: unknown;
                };
                content: {
                    readonly "text/html": string;
                };
            };
        };
    };
}
