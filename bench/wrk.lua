-- What wrk found, as one line of JSON: https://github.com/wg/wrk/blob/master/SCRIPTING
done = function(summary, latency, requests)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   io.write(string.format('{"requests": %d, "bytes": %d, "seconds": %f, "errors": %d}\n',
      summary.requests, summary.bytes, summary.duration / 1e6, failed))
end
