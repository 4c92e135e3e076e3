package methods

func metaMoreMethods() []Method { return nil }
