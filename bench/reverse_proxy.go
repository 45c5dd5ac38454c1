// Go's own reverse proxy, tuned as its documentation advises: reverse_proxy PORT UPSTREAM_PORT.
package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	upstream, err := url.Parse("http://127.0.0.1:" + os.Args[2])
	if err != nil {
		panic(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	proxy.Transport = &http.Transport{
		MaxIdleConns:        512,
		MaxIdleConnsPerHost: 512,
		DisableCompression:  true,
	}
	proxy.FlushInterval = -1
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], proxy))
}
