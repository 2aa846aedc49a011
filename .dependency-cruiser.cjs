/** The house's boundaries: a transfer walks api → ledger → cache, later journal → sync → store, and nothing walks back up. */

/** Tests stand beside the code, and may use whatever shows that it holds. */
const TESTS = '\\.test\\.ts$|/testing/';
const HTTP = ['^node_modules/(koa|@types/koa)/', '^(node:)?https?2?$'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two modules that need each other are one module, or hide a third.',
      severity: 'error',
      from: { pathNot: TESTS },
      to: { circular: true },
    },
    {
      name: 'api-knows-the-ledger-only',
      comment: 'api/ speaks HTTP and asks the ledger; how and where balances are kept is not its business.',
      severity: 'error',
      from: { path: '^app/api/', pathNot: TESTS },
      to: {
        path: '^app/',
        pathNot: '^app/(api/|ledger/[^/]+\\.ts$|telemetry/|domain/|kernel/)',
      },
    },
    {
      name: 'api-opens-no-store',
      severity: 'error',
      from: { path: '^app/api/', pathNot: TESTS },
      to: { path: '^node_modules/(ioredis|mysql2|typeorm|bullmq)/' },
    },
    {
      name: 'ledger-knows-no-http',
      comment: 'The rules are the same whoever asks.',
      severity: 'error',
      from: { path: '^app/ledger/', pathNot: TESTS },
      to: { path: ['^app/api/', ...HTTP] },
    },
    {
      name: 'authority-sync-jobs-know-no-http',
      severity: 'error',
      from: { path: '^app/(authority|sync|jobs)/', pathNot: TESTS },
      to: { path: ['^app/api/', ...HTTP.slice(0, 1)] },
    },
    {
      name: 'store-is-the-bottom',
      comment: 'This folder reads and writes MySQL; it knows neither who asks nor that there is a cache.',
      severity: 'error',
      from: { path: '^app/mysql/', pathNot: TESTS },
      to: { path: '^app/(api|redis)/' },
    },
    {
      name: 'nothing-imports-main',
      comment: 'main.ts starts a role when it is loaded.',
      severity: 'error',
      from: { pathNot: TESTS },
      to: { path: '^app/main\\.ts$' },
    },
    {
      name: 'product-uses-no-test-code',
      severity: 'error',
      from: { path: '^(app|mock-data)/', pathNot: TESTS },
      to: { path: TESTS },
    },
    {
      name: 'product-uses-no-dev-package',
      comment: 'It would be missing in the image.',
      severity: 'error',
      from: { path: '^(app|mock-data)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '^node_modules/@types/' },
    },
    {
      name: 'everything-is-found',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true, // an import of types alone is knowledge, too
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
