import type { components } from '../../typescript/src/generated/openapi.ts';

/** The schemas of the OpenAPI document that the console reads. */
type Schemas = components['schemas'];
export type Account = Schemas['Account'];
export type AccountSettings = Schemas['AccountSettings'];
export type AccountList = Schemas['AccountList'];
export type LimitUsage = Schemas['LimitUsage'];
export type PostingList = Schemas['PostingList'];
export type TransferRecord = Schemas['TransferRecord'];
export type TransferList = Schemas['TransferList'];
export type HoldRecord = Schemas['HoldRecord'];
export type HoldList = Schemas['HoldList'];
export type ApiKey = Schemas['ApiKey'];
export type ApiKeyList = Schemas['ApiKeyList'];
export type KeyLog = Schemas['KeyLog'];
export type LedgerStop = Schemas['LedgerStop'];
export type Webhook = Schemas['Webhook'];
export type WebhookList = Schemas['WebhookList'];
export type IssuedWebhook = Schemas['IssuedWebhook'];
export type WebhookDelivery = Schemas['WebhookDelivery'];
export type WebhookDeliveryList = Schemas['WebhookDeliveryList'];
export type EventPage = Schemas['EventPage'];
