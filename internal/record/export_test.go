package record

// Used is how many bytes of media the recorder believes to be in the spool.
func (r *Recorder) Used() int64 { return r.used.Load() }
