package methods

func doublyRobustMethods() []Method { return nil }
