export { type OpenProxy, openProxy, type ProxyOptions, type ProxyPorts } from "./open-proxy.ts";
