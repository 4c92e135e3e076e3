package methods

func kSampleMethods() []Method { return nil }
