/** For `node --expose-gc --import`: a signal collects garbage, in whatever server it is loaded into. */
process.on('SIGUSR2', () => globalThis.gc())
