import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['{app,devstack,mock-data,scripts,loadtest,resilience-tests,simulator}/**/*.test.ts'],
    globalSetup: ['devstack/testing/test-stores.ts'],
    pool: 'forks',
    // Tests use real stores and child processes, which are slow on a busy machine. Every test waits for a condition, so a
    // limit only matters when the condition never holds. A test that passes on a second try is broken: no retries.
    testTimeout: 180_000,
    expect: { poll: { timeout: 90_000 } },
    hookTimeout: 240_000,
    teardownTimeout: 120_000,
    retry: 0,
    coverage: {
      provider: 'v8',
      include: ['app/**/*.ts'],
      exclude: ['**/*.test.ts', '**/testing/**'],
      reporter: ['text-summary', 'html', 'json-summary'],
      reportsDirectory: 'coverage',
      reportOnFailure: true,
      thresholds: { lines: 90, branches: 90 },
    },
  },
});
