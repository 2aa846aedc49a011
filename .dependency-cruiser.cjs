/**
 * The layers of app/, as an allow-list: an import that is not listed here fails `npm run lint`.
 *
 * A folder may import only folders above it in this table, so there can be no cycle between folders. Type imports and
 * the imports of tests count, too; the subfolders testing/ and tests/ belong to their folder. A new folder of app/ has
 * to be added here.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const LAYERS = {
  // The foundation of all other folders. devstack/ runs stores and the service on this machine; only tests use it.
  devstack: [],
  kernel: [],
  domain: [],
  config: ['kernel'],
  telemetry: ['kernel', 'domain', 'config'],

  // The format of the journal, the port of the store that keeps it, and the pure functions that process it.
  journal: ['domain'],
  'journal/recovery': ['domain', 'journal'],
  // The log of everything that was committed: the format of its entries and rows.
  'journal/sealed': ['domain', 'journal'],

  // What a pod does with a transfer. `ports` has the interfaces that the ledger offers to the API, and those that it
  // needs from the stores.
  'ledger/ports': ['domain', 'journal', 'journal/sealed'],
  'ledger/epoch': ['domain', 'journal'],
  'ledger/accounts': ['kernel', 'domain', 'journal', 'ledger/ports', 'ledger/epoch'],
  'ledger/outcomes': ['kernel', 'domain', 'journal', 'ledger/ports', 'ledger/epoch'],
  'ledger/calls': ['kernel', 'domain', 'journal', 'ledger/ports', 'ledger/epoch', 'ledger/accounts', 'ledger/outcomes'],
  'ledger/queue': ['kernel', 'domain', 'journal', 'ledger/epoch', 'ledger/calls'],
  'ledger/direct': ['domain', 'journal', 'ledger/ports'],
  'ledger/holds': [
    'kernel',
    'domain',
    'journal',
    'ledger/ports',
    'ledger/epoch',
    'ledger/accounts',
    'ledger/outcomes',
    'ledger/calls',
  ],
  ledger: [
    'kernel',
    'domain',
    'journal',
    'ledger/ports',
    'ledger/epoch',
    'ledger/accounts',
    'ledger/outcomes',
    'ledger/holds',
    'ledger/queue',
    'ledger/direct',
  ],

  // Several ledgers as one: which shard an account belongs to, and transfers between shards.
  shards: ['kernel', 'domain', 'journal', 'ledger/ports'],

  // The change feed: the sealed log as events, for many listeners.
  feed: ['kernel', 'domain', 'journal/sealed', 'ledger/ports'],

  // The search index, which follows the sealed log.
  search: ['kernel', 'journal/sealed'],
  // Deliveries of events to the URLs of users.
  webhooks: ['kernel', 'domain', 'ledger/ports', 'feed'],

  // How the journal gets to MySQL, who may change balances, and what runs on a schedule.
  sync: ['kernel', 'domain', 'journal'],
  authority: ['domain', 'journal', 'journal/recovery'],
  'authority/pod': ['kernel', 'domain', 'journal', 'ledger/epoch', 'authority'],
  'authority/keeper': ['kernel', 'domain', 'journal', 'journal/recovery', 'sync', 'authority'],
  jobs: ['kernel', 'domain', 'journal', 'journal/sealed'],

  // Recomputes the books from the sealed log.
  audit: ['domain', 'journal', 'journal/sealed'],

  // HTTP. The framework does not depend on any resource, and no resource depends on the internals of the ledger.
  'api/http': ['kernel', 'domain'],
  'api/http/connections': ['kernel', 'domain', 'api/http'],
  'api/auth': ['kernel', 'domain', 'api/http'],
  'api/schemas': ['kernel', 'domain', 'api/http'],
  'api/balances': ['domain', 'ledger/ports', 'api/http', 'api/schemas'],
  'api/accounts': ['kernel', 'domain', 'ledger/ports', 'api/http', 'api/schemas', 'api/balances'],
  'api/postings': ['domain', 'ledger/ports', 'api/http', 'api/schemas'],
  'api/statements': ['kernel', 'domain', 'ledger/ports', 'api/http', 'api/schemas'],
  'api/transfers': ['kernel', 'domain', 'ledger/ports', 'api/http', 'api/schemas'],
  'api/search': ['domain', 'ledger/ports', 'api/http', 'api/schemas', 'api/transfers'],
  'api/holds': ['kernel', 'domain', 'ledger/ports', 'api/http', 'api/schemas', 'api/transfers'],
  'api/events': ['kernel', 'domain', 'ledger/ports', 'api/http', 'api/schemas'],
  'api/webhooks': ['domain', 'ledger/ports', 'api/http', 'api/schemas'],
  'api/ops': ['domain', 'api/http', 'api/schemas'],
  'api/console': ['domain', 'api/http'],
  'api/keys': ['domain', 'api/http', 'api/schemas'],
  'api/health': ['api/http'],
  'api/docs': ['domain', 'api/http'],
  api: [
    'devstack',
    'kernel',
    'domain',
    'ledger/ports',
    'api/http',
    'api/http/connections',
    'api/auth',
    'api/balances',
    'api/accounts',
    'api/postings',
    'api/statements',
    'api/transfers',
    'api/search',
    'api/holds',
    'api/events',
    'api/webhooks',
    'api/ops',
    'api/console',
    'api/keys',
    'api/health',
    'api/docs',
  ],

  // The adapters implement the ports of the layers above them in this list. Only roles and integration import them.
  redis: ['devstack', 'kernel', 'domain', 'journal', 'authority', 'jobs'],
  'mysql/connection': ['domain'],
  'mysql/migrations': [],
  'mysql/schema': ['mysql/migrations'],
  mysql: ['devstack', 'kernel', 'domain', 'journal', 'ledger/ports', 'mysql/connection', 'mysql/schema'],
  'mysql/rows': ['domain', 'journal', 'journal/recovery', 'journal/sealed', 'mysql/connection'],
  'mysql/ledger': [
    'kernel',
    'domain',
    'journal',
    'journal/sealed',
    'ledger/ports',
    'ledger/direct',
    'sync',
    'jobs',
    'mysql',
    'mysql/connection',
    'mysql/rows',
  ],
  'mysql/audit': [
    'kernel',
    'domain',
    'journal',
    'journal/sealed',
    'audit',
    'mysql',
    'mysql/connection',
    'mysql/rows',
    'mysql/ledger',
  ],
  'mysql/search': [
    'domain',
    'journal/sealed',
    'ledger/ports',
    'search',
    'mysql',
    'mysql/connection',
    'mysql/schema',
    'mysql/rows',
    'mysql/ledger',
  ],
  'mysql/authority': [
    'kernel',
    'domain',
    'journal',
    'journal/recovery',
    'journal/sealed',
    'authority',
    'mysql',
    'mysql/connection',
    'mysql/rows',
    'mysql/ledger',
    'audit',
    'mysql/audit',
  ],
  'mysql/operations': [
    'devstack',
    'kernel',
    'domain',
    'ledger/ports',
    'jobs',
    'mysql',
    'mysql/connection',
    'mysql/rows',
  ],

  // Splits the databases of a stopped ledger.
  'mysql/split': [
    'domain',
    'journal',
    'jobs',
    'mysql',
    'mysql/connection',
    'mysql/rows',
    'mysql/ledger',
    'mysql/operations',
  ],

  // The composition roots: only they create the adapters.
  roles: [
    'devstack',
    'kernel',
    'domain',
    'config',
    'telemetry',
    'journal',
    'ledger/ports',
    'ledger',
    'shards',
    'feed',
    'search',
    'webhooks',
    'sync',
    'authority/pod',
    'authority/keeper',
    'jobs',
    'audit',
    'redis',
    'mysql/connection',
    'mysql/schema',
    'mysql',
    'mysql/ledger',
    'mysql/search',
    'mysql/audit',
    'mysql/authority',
    'mysql/operations',
    'api/auth',
    'api/keys',
    'api',
  ],
  main: ['config', 'roles'],

  // Commands for operators that are not roles.
  'tools/shards': [
    'devstack',
    'kernel',
    'domain',
    'config',
    'shards',
    'authority/keeper',
    'jobs',
    'redis',
    'mysql/connection',
    'mysql/schema',
    'mysql',
    'mysql/ledger',
    'mysql/authority',
    'mysql/operations',
    'mysql/split',
    'roles',
  ],
  'tools/audit': ['config', 'journal/sealed', 'domain', 'audit', 'mysql/connection', 'mysql', 'mysql/audit'],
  'tools/search': ['kernel', 'config', 'search', 'mysql/connection', 'mysql', 'mysql/search', 'roles'],
  tools: ['config', 'tools/shards', 'tools/audit', 'tools/search'],

  // Tests that cross layers, on real stores. Nothing imports them.
  integration: [
    'devstack',
    'kernel',
    'domain',
    'telemetry',
    'journal',
    'ledger/ports',
    'ledger/epoch',
    'ledger',
    'shards',
    'sync',
    'authority',
    'authority/pod',
    'authority/keeper',
    'jobs',
    'redis',
    'mysql/connection',
    'mysql',
    'mysql/ledger',
    'mysql/authority',
    'mysql/operations',
    'roles',
    'main',
  ],
};

/** The files of a folder, without those of its subfolders. @param {string} folder */
function filesOf(folder) {
  if (folder === 'main') return '^app/[^/]+$';
  if (folder === 'devstack') return '^devstack/';
  if (folder === 'integration') return '^app/integration/';
  return `^app/${folder}/((testing|tests)/)?[^/]+$`;
}

const folders = Object.keys(LAYERS);
const layers = Object.entries(LAYERS).map(([folder, allowed]) => {
  for (const other of allowed) {
    if (!folders.slice(0, folders.indexOf(folder)).includes(other))
      throw new Error(
        `.dependency-cruiser.cjs: ${folder} may import only folders above it, but ${other} is not above it`,
      );
  }
  return {
    name: `layers-${folder.replaceAll('/', '-')}`,
    comment: `${folder} may import: ${allowed.length > 0 ? allowed.join(', ') : 'no other folder'}. See docs/decisions/032-layers.md.`,
    severity: /** @type {const} */ ('error'),
    from: { path: filesOf(folder) },
    to: {
      path: '^(app|clients|devstack|scripts|mock-data|loadtest|resilience-tests|simulator|verification)/',
      pathNot: [folder, ...allowed].map(filesOf),
    },
  };
});

const TESTS = '\\.test\\.ts$|/testing/';
const HTTP_PACKAGES = '^node_modules/(koa|@types/koa)/';
const STORE_PACKAGES = '^node_modules/(ioredis|mysql2|typeorm|bullmq)/';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layers,
    {
      name: 'every-folder-is-a-layer',
      comment: 'Add the folder to LAYERS, with the folders that it may import.',
      severity: 'error',
      from: { path: '^app/', pathNot: folders.map(filesOf) },
      to: {},
    },
    {
      name: 'no-cycles',
      comment: 'If two modules need each other, merge them, or move what both need to a third one.',
      severity: 'error',
      from: { pathNot: TESTS },
      to: { circular: true },
    },
    {
      name: 'only-api-speaks-http',
      comment:
        'The rules must not depend on the protocol through which they are called. telemetry/ is exempt because it traces HTTP requests, and webhooks/ because it sends them.',
      severity: 'error',
      from: { path: '^app/', pathNot: ['^app/(api|roles|telemetry|webhooks)/', TESTS] },
      to: { path: [HTTP_PACKAGES, '^(node:)?https?2?$'] },
    },
    {
      name: 'only-adapters-open-stores',
      comment:
        'jobs/ is exempt because its own queue in Redis carries no money; telemetry/, because it traces the clients of the stores.',
      severity: 'error',
      from: { path: '^app/', pathNot: ['^app/(redis|mysql|jobs|roles|telemetry)/', TESTS] },
      to: { path: STORE_PACKAGES },
    },
    {
      name: 'no-test-code-in-the-product',
      severity: 'error',
      from: { path: '^(app|mock-data)/', pathNot: TESTS },
      to: { path: [TESTS, '^devstack/'] },
    },
    {
      name: 'no-dev-package-in-the-product',
      comment: 'The image does not contain development packages.',
      severity: 'error',
      from: { path: '^(app|mock-data)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '^node_modules/@types/' },
    },
    {
      name: 'verification-knows-no-user',
      comment:
        'The simulator, the resilience tests and the load tests share verification/, so it must not depend on any of them.',
      severity: 'error',
      from: { path: '^verification/', pathNot: TESTS },
      to: { path: '^(simulator|resilience-tests|loadtest|mock-data)/' },
    },
    {
      name: 'checker-stands-alone',
      comment:
        "Code shared with the ledger would give the checker the ledger's mistakes. Types are exempt: they contain no code.",
      severity: 'error',
      from: { path: '^verification/checker/', pathNot: TESTS },
      to: { pathNot: '^verification/checker/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'client-stands-alone',
      comment: 'The client library is published without the rest of the repository, and without dependencies.',
      severity: 'error',
      from: { path: '^clients/typescript/src/', pathNot: TESTS },
      to: { pathNot: '^clients/typescript/src/' },
    },
    {
      name: 'command-line-uses-the-client',
      comment: 'The command line is built into one file; it shares only the command-line parser with the service.',
      severity: 'error',
      from: { path: '^clients/cli/src/', pathNot: TESTS },
      to: { pathNot: '^clients/(cli|typescript)/src/|^app/config/command-line\\.mjs$', dependencyTypesNot: ['core'] },
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
    tsPreCompilationDeps: true, // imports of types count
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};

// For scripts/architecture/layers.mjs. Not enumerable, because dependency-cruiser refuses keys that it does not know.
Object.defineProperty(module.exports, 'LAYERS', { value: LAYERS });
