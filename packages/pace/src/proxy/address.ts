/** Where a proxy listens unless it is told otherwise: whoever uses the command and whoever looks at it agree on it. */
export const PROXY_PORT = 8790;
/** This machine only. */
export const PROXY_HOST = "127.0.0.1";
