type AsyncMethods = Record<string, (...given: never[]) => Promise<unknown>>;

/**
 * A port whose adapter is imported and built at its first call: `--help` and `status` must not pay
 * for what they do not use. All methods of a port are asynchronous, so callers see no difference.
 */
export function lazily<Port extends object>(load: () => Promise<Port>): Port {
  let loading: Promise<Port> | null = null;
  const handler: ProxyHandler<Port> = {
    get(_target, name) {
      // A promise that resolves to a port asks for `then`: a port is not thenable.
      if (typeof name === "symbol" || name === "then") return undefined;
      return async (...given: never[]) => {
        loading ??= load();
        const port = (await loading) as unknown as AsyncMethods;
        return await port[name]?.(...given);
      };
    },
  };
  return new Proxy({} as Port, handler);
}
