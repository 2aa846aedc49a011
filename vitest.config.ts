import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['{app,mock-data,scripts,loadtest,resilience-tests,simulator}/**/*.test.ts'],
    globalSetup: ['scripts/testing/stores.ts'],
    pool: 'forks',
    // Real stores and child processes: slow on a busy machine. A test waits for a condition, so the limit costs nothing.
    testTimeout: 30_000,
    expect: { poll: { timeout: 15_000 } },
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['app/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.model.ts', '**/testing/**'],
      reporter: ['text-summary', 'html', 'json-summary'],
      reportsDirectory: 'coverage',
      thresholds: { lines: 90, branches: 90 },
    },
  },
});
