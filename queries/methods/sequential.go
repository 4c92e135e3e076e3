package methods

func sequentialMethods() []Method { return nil }
