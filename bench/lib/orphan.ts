/** Ends this process with whoever has started it, by the channel to that one. The system's own processes do the same. */
process.on('disconnect', () => process.exit(1));
process.channel?.unref();
