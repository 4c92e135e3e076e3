package methods

func geeMethods() []Method { return nil }
